import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atMost, valueOf } from "../harness/line.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { median, percentile } from "../measure/statistics.ts";

const TURNS = 60;

/** S2: what a gateway adds to the time to the first token, one turn at a time. Both figures are over the direct call's median. */
export const firstToken: Scenario = async ({ targets, rounds, thinning }) => {
  const samples = await interleave(targets, rounds, (target) =>
    withWarmPool(target, 1, async (pool) => {
      const times: number[] = [];
      for (let turn = 0; turn < TURNS / thinning; turn++) times.push((await streamTurn(pool, target, SCRIPTS.ttft40)).firstTextMs);
      return times;
    }),
  );
  const direct = median((samples.get("direct") ?? []).flat());
  samples.delete("direct");
  const p50 = mapValues(samples, (rounds) => median(rounds.flat()) - direct);
  const p99 = mapValues(samples, (rounds) => percentile(rounds.flat(), 0.99) - direct);
  return [
    {
      goal: "S2",
      what: "ttft40 added p50, ms",
      values: p50,
      decimals: 2,
      limits: [atMost(1.25 * valueOf(p50, "floor"), "1.25 × floor"), atMost(valueOf(p50, "LangGraph") / 8, "LangGraph / 8")],
    },
    { goal: "S2", what: "ttft40 added p99, ms", values: p99, decimals: 2, limits: [atMost(1.5 * valueOf(p99, "floor"), "1.5 × floor")] },
  ];
};
