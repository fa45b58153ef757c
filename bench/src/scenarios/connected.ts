import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atMost, valueOf } from "../harness/line.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { median } from "../measure/statistics.ts";

const TURNS = 80;

/** S1: how long until the stream says anything: `connected` of ours and the floor, the first byte of the others. */
export const connected: Scenario = async ({ targets, rounds, thinning }) => {
  const samples = await interleave(targets, rounds, (target) =>
    withWarmPool(target, 1, async (pool) => {
      const times: number[] = [];
      for (let turn = 0; turn < TURNS / thinning; turn++) times.push((await streamTurn(pool, target, SCRIPTS.short)).firstFrameMs);
      return times;
    }),
  );
  const values = mapValues(samples, (rounds) => median(rounds.flat()));
  return [{ goal: "S1", what: "first frame p50, ms", values, decimals: 2, limits: [atMost(2 * valueOf(values, "proxy"), "2 × proxy")] }];
};
