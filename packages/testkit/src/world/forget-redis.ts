import { Redis } from "ioredis";

/** Deletes every key of one prefix, as a FLUSHALL would for those who use it. Returns how many there were. */
export async function forgetRedis(url: string, prefix: string): Promise<number> {
  const redis = new Redis(url, { lazyConnect: true });
  await redis.connect();
  try {
    const keys = (await redis.keys("*")).filter((key) => key.includes(prefix));
    return keys.length === 0 ? 0 : await redis.del(...keys);
  } finally {
    redis.disconnect();
  }
}
