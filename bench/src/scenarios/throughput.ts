import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atLeast, type Line, valueOf } from "../harness/line.ts";
import { plainTurn } from "../harness/plain-turn.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { median } from "../measure/statistics.ts";

const CONCURRENCY = 64;
const TURNS = 960;

/** S3: whole turns per second with 64 at once, their answer as one body and as a stream of 64 tokens, as shares of the direct call's rate. */
export const throughput: Scenario = async ({ targets, rounds, thinning }) => {
  const turns = Math.ceil(TURNS / thinning);
  const rates = async (withPlain: boolean) =>
    interleave(withPlain ? targets.filter(({ plain }) => plain !== null) : targets, rounds, (target) =>
      withWarmPool(target, CONCURRENCY, (pool) =>
        runConcurrently(turns, CONCURRENCY, async () => {
          if (withPlain) await plainTurn(pool, target, SCRIPTS.short);
          else await streamTurn(pool, target, SCRIPTS.long);
        }),
      ),
    );
  const plain = await rates(true);
  const streamed = await rates(false);
  return [...linesOf("c64 plain", plain), ...linesOf("c64 64-token streams", streamed, true)];
};

function linesOf(what: string, rates: Map<string, number[]>, besidePeer = false): Line[] {
  const direct = rates.get("direct") ?? [];
  const perSecond = mapValues(rates, (values) => median(values));
  // Each round is compared with the direct call of the same round.
  const shares = mapValues(rates, (values) => median(values.map((rate, round) => rate / (direct[round] ?? Number.NaN))));
  return [
    { goal: "S3", what: `${what}, turns/s`, values: perSecond, decimals: 0, limits: [] },
    {
      goal: "S3",
      what: `${what}, × direct`,
      values: shares,
      decimals: 3,
      limits: [
        atLeast(valueOf(shares, "floor"), "1.0 × floor"),
        ...(besidePeer ? [atLeast(4 * valueOf(shares, "LangGraph"), "4 × LangGraph")] : []),
      ],
    },
  ];
}
