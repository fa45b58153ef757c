import { QUEUES } from "@parley/contracts";
import { z } from "zod";

/** The environment variables of a process that carries out orders, besides those of Redis. */
export const workerSettings = z.object({
  /** Jobs at a time, for each queue. */
  WORKER_CONCURRENCY: z.coerce.number().int().min(1).max(1_000).default(50),
  WORKER_QUEUES: z
    .string()
    .default(QUEUES.join(","))
    .transform((list) => list.split(",").map((name) => name.trim()))
    .pipe(z.array(z.enum(QUEUES)).min(1)),
  /** How long a stopping worker lets its jobs finish. A container is commonly killed 10 s after it was told to stop. */
  WORKER_GRACE_MS: z.coerce.number().int().min(0).max(3_600_000).default(4_000),
});
