import type { Pool } from "undici";
import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atLeast, type Line, valueOf } from "../harness/line.ts";
import { plainTurn } from "../harness/plain-turn.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import type { Target } from "../harness/target.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { median } from "../measure/statistics.ts";

const CONCURRENCY = 64;
const TURNS = 960;

interface Round {
  turnsPerSecond: number;
  /** CPU time of the target's own processes for each turn, ms. */
  cpuMs: number;
}

/** S3: whole turns per second with 64 at once, their answer as one body and as a stream of 64 tokens, as shares of the direct call's rate. */
export const throughput: Scenario = async ({ targets, rounds, thinning }) => {
  const turns = Math.ceil(TURNS / thinning);
  const measure = (those: readonly Target[], turn: (pool: Pool, target: Target) => Promise<unknown>) =>
    interleave(those, rounds, (target) =>
      withWarmPool(target, CONCURRENCY, async (pool): Promise<Round> => {
        const before = await cpuMsOf(target);
        const turnsPerSecond = await runConcurrently(turns, CONCURRENCY, async () => void (await turn(pool, target)));
        return { turnsPerSecond, cpuMs: ((await cpuMsOf(target)) - before) / turns };
      }),
    );
  const withPlain = targets.filter(({ plain }) => plain !== null);
  const plain = await measure(withPlain, (pool, target) => plainTurn(pool, target, SCRIPTS.short));
  const streamed = await measure(targets, (pool, target) => streamTurn(pool, target, SCRIPTS.long));
  return [...linesOf("c64 plain", plain), ...linesOf("c64 64-token streams", streamed, true)];
};

async function cpuMsOf({ processes }: Target): Promise<number> {
  const times = await Promise.all(processes.map((process) => process.cpuMs()));
  return times.reduce((sum, time) => sum + time, 0);
}

function linesOf(what: string, samples: Map<string, Round[]>, besidePeer = false): Line[] {
  const direct = samples.get("direct") ?? [];
  const perSecond = mapValues(samples, (rounds) => median(rounds.map(({ turnsPerSecond }) => turnsPerSecond)));
  // Each round is compared with the direct call of the same round.
  const shares = mapValues(samples, (rounds) =>
    median(rounds.map(({ turnsPerSecond }, round) => turnsPerSecond / (direct[round]?.turnsPerSecond ?? Number.NaN))),
  );
  const cpuMs = mapValues(samples, (rounds) => median(rounds.map((round) => round.cpuMs)));
  cpuMs.delete("direct");
  return [
    { goal: "S3", what: `${what}, turns/s`, values: perSecond, decimals: 0, limits: [] },
    { goal: "S3", what: `${what}, own CPU ms per turn`, values: cpuMs, decimals: 2, limits: [] },
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
