import { QUEUES } from "@parley/contracts";
import { z } from "zod";

const redisUrl = z.string().refine((list) => list.split(",").every((node) => /^rediss?:\/\/\S+$/.test(node.trim())), {
  message: "Must be redis:// or rediss:// addresses, separated by commas.",
});

/** The environment variables of everyone who gives orders. */
export const queueSettings = z.object({
  REDIS_URL: redisUrl.default("redis://127.0.0.1:6379"),
  REDIS_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/)
    .default("parley"),
  REDIS_CLUSTER: z.stringbool().default(false),
  REDIS_SENTINEL_NAME: z.string().min(1).optional(),
});

/** Besides, those of a process that carries them out. */
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
