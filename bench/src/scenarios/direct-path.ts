import type { Pool } from "undici";
import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atLeast, atMost, type Line, valueOf } from "../harness/line.ts";
import { plainTurn } from "../harness/plain-turn.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import type { Target } from "../harness/target.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { median, percentile } from "../measure/statistics.ts";

const STREAMS = 60;
const CONCURRENCY = 64;
const REQUESTS = 10_000;
const LONG_STREAMS = 640;

/** Those that only pass calls on; ours by its direct path, metered as always. */
const PASSING: ReadonlySet<string> = new Set(["direct", "proxy", "Portkey"]);

interface Rate {
  perSecond: number;
  /** CPU time of the process in front for each request, ms. */
  cpuMs: number;
}

/** S6: what the direct path adds to the first token, how many requests it passes on, and what each costs it. */
export const directPath: Scenario = async ({ targets, ours, rounds, thinning }) => {
  const passing = [...targets.filter(({ name }) => PASSING.has(name)), ...(ours === null ? [] : [ours.direct])];
  const first = await interleave(passing, rounds, (target) =>
    withWarmPool(target, 1, async (pool) => {
      const times: number[] = [];
      for (let turn = 0; turn < STREAMS / thinning; turn++) times.push((await streamTurn(pool, target, SCRIPTS.ttft40)).firstTextMs);
      return times;
    }),
  );
  const rate = (requests: number, turn: (pool: Pool, target: Target) => Promise<unknown>) =>
    interleave(passing, rounds, (target) =>
      withWarmPool(target, CONCURRENCY, async (pool): Promise<Rate> => {
        const total = Math.ceil(requests / thinning);
        const before = await target.front?.cpuMs();
        const perSecond = await runConcurrently(total, CONCURRENCY, async () => void (await turn(pool, target)));
        return { perSecond, cpuMs: (((await target.front?.cpuMs()) ?? 0) - (before ?? 0)) / total };
      }),
    );
  const plain = await rate(REQUESTS, (pool, target) => plainTurn(pool, target, SCRIPTS.short));
  const streamed = await rate(LONG_STREAMS, (pool, target) => streamTurn(pool, target, SCRIPTS.long));
  return [...addedLines(first), ...rateLines("c64 plain", plain, true), ...rateLines("c64 64-token streams", streamed, false)];
};

function addedLines(samples: Map<string, number[][]>): Line[] {
  const direct = median((samples.get("direct") ?? []).flat());
  samples.delete("direct");
  const p50 = mapValues(samples, (times) => median(times.flat()) - direct);
  const p99 = mapValues(samples, (times) => percentile(times.flat(), 0.99) - direct);
  const peer = (values: ReadonlyMap<string, number>) => [atMost(valueOf(values, "Portkey"), "1.0 × Portkey")];
  return [
    { goal: "S6", what: "direct path, ttft40 added p50, ms", values: p50, decimals: 2, limits: peer(p50) },
    { goal: "S6", what: "direct path, ttft40 added p99, ms", values: p99, decimals: 2, limits: [] },
  ];
}

function rateLines(what: string, samples: Map<string, Rate[]>, hasGoal: boolean): Line[] {
  const direct = samples.get("direct") ?? [];
  const shares = mapValues(samples, (rounds) =>
    median(rounds.map(({ perSecond }, round) => perSecond / (direct[round]?.perSecond ?? Number.NaN))),
  );
  const perSecond = mapValues(samples, (rounds) => median(rounds.map((round) => round.perSecond)));
  const cpuMs = mapValues(samples, (rounds) => median(rounds.map((round) => round.cpuMs)));
  cpuMs.delete("direct");
  return [
    {
      goal: "S6",
      what: `direct path, ${what}, requests/s`,
      values: perSecond,
      decimals: 0,
      limits: hasGoal ? [atLeast(3 * valueOf(perSecond, "Portkey"), "3 × Portkey")] : [],
    },
    { goal: "S6", what: `direct path, ${what}, × direct`, values: shares, decimals: 3, limits: [] },
    {
      goal: "S6",
      what: `direct path, ${what}, CPU ms per request`,
      values: cpuMs,
      decimals: 2,
      limits: hasGoal ? [atMost(0.35 * valueOf(cpuMs, "Portkey"), "0.35 × Portkey")] : [],
    },
  ];
}
