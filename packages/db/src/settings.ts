import { z } from "zod";

/** What a process needs to reach Postgres. The application's role owns nothing and sees one organization at a time. */
export const databaseSettings = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** Connections of one process. */
  DATABASE_POOL: z.coerce.number().int().min(1).max(200).default(10),
  /** `false` behind PgBouncer in transaction mode without prepared statements. */
  DATABASE_PREPARE: z.stringbool().default(true),
});

/** Workers also sweep across organizations, under a role of its own. */
export const sweepSettings = z.object({ DATABASE_SWEEP_URL: z.url({ protocol: /^postgres(ql)?$/ }) });
