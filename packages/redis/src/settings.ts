import { z } from "zod";

const redisUrl = z.string().refine((list) => list.split(",").every((node) => /^rediss?:\/\/\S+$/.test(node.trim())), {
  message: "Must be redis:// or rediss:// addresses, separated by commas.",
});

/** The environment variables of every process that uses Redis: where it is, and what all of our names in it start with. */
export const redisSettings = z.object({
  REDIS_URL: redisUrl.default("redis://127.0.0.1:6379"),
  REDIS_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/)
    .default("parley"),
  REDIS_CLUSTER: z.stringbool().default(false),
  REDIS_SENTINEL_NAME: z.string().min(1).optional(),
});
