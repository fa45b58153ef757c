import type { Pool } from "undici";
import { SCRIPTS } from "./scripts.ts";
import { streamTurn } from "./stream-turn.ts";
import type { Target } from "./target.ts";
import { withPool } from "./with-pool.ts";

/** A pool whose connections are open before `work` begins: each has carried one short turn. */
export const withWarmPool = <Result>(target: Target, connections: number, work: (pool: Pool) => Promise<Result>): Promise<Result> =>
  withPool(target.origin, connections, async (pool) => {
    await Promise.all(Array.from({ length: connections }, () => streamTurn(pool, target, SCRIPTS.short)));
    return work(pool);
  });
