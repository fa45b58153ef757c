import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atMost, valueOf } from "../harness/line.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn, type TurnTimes } from "../harness/stream-turn.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { median, percentile } from "../measure/statistics.ts";

const STREAMS = 200;

/**
 * S5: 200 streams at the pace of a model; every token of each is checked. Once all begun in the same instant, which is
 * what the goal is held to, and once begun one after the other over a second, which is what a busy gateway sees.
 */
export const paced: Scenario = async ({ targets, rounds }) => {
  const crowdTakers = targets.filter(({ takesCrowds }) => takesCrowds);
  const linesOf = async (how: string, spreadMs: number, isHeld: boolean) => {
    const samples = await interleave(crowdTakers, rounds, (target) =>
      withWarmPool(target, STREAMS, (pool) =>
        Promise.all(
          Array.from({ length: STREAMS }, async (_, index) => {
            if (spreadMs > 0) await new Promise((resolve) => setTimeout(resolve, (index * spreadMs) / STREAMS));
            return streamTurn(pool, target, SCRIPTS.paced);
          }),
        ),
      ),
    );
    const over = (read: (times: TurnTimes) => number, summary: (values: number[]) => number) =>
      mapValues(samples, (rounds) => median(rounds.map((times) => summary(times.map(read)))));
    const total = over(
      ({ totalMs }) => totalMs,
      (values) => percentile(values, 0.99),
    );
    const first = over(({ firstTextMs }) => firstTextMs, median);
    return [
      {
        goal: "S5",
        what: `${STREAMS} paced ${how}, total p99, ms`,
        values: total,
        decimals: 0,
        limits: isHeld ? [atMost(1.15 * valueOf(total, "direct"), "1.15 × direct")] : [],
      },
      {
        goal: "S5",
        what: `${STREAMS} paced ${how}, first token p50, ms`,
        values: first,
        decimals: 1,
        limits: isHeld ? [atMost(valueOf(first, "Portkey"), "Portkey")] : [],
      },
    ];
  };
  return [...(await linesOf("at once", 0, true)), ...(await linesOf("over 1 s", 1_000, false))];
};
