import { Pool } from "undici";

/** Opens at most `connections` connections to an origin for the length of `work`, one request at a time on each. */
export async function withPool<Result>(origin: string, connections: number, work: (pool: Pool) => Promise<Result>): Promise<Result> {
  const pool = new Pool(origin, { connections, pipelining: 1, keepAliveTimeout: 60_000 });
  try {
    return await work(pool);
  } finally {
    await pool.destroy();
  }
}
