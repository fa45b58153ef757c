import type { Pool } from "undici";
import type { Scenario } from "../harness/bench.ts";
import { atMost, type Limit, type Line } from "../harness/line.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { median, percentile } from "../measure/statistics.ts";
import type { Ours } from "../targets/ours.ts";
import { fillBacklog, untilDrained } from "./fill-backlog.ts";

const CONVERSATIONS = 10_000;
const TURNS = 60;
const PLAYED = { "as a model": SCRIPTS.ttft40, "without a wait": SCRIPTS.short } as const;

/**
 * S12: the first token of an organization that runs one turn after another, while nothing else runs and while ten thousand
 * conversations of another one are ready. Idle is measured before and after, so that a machine that has become slower is not taken for a
 * neighbour. The neighbour's answers come as a model's do, which the goal is held to, and once without any wait, so that nothing
 * but the gateway's own work is in the way. Every one of its turns has to end.
 */
export const noisyNeighbour: Scenario = async ({ ours, thinning }) => {
  if (ours === null) return [];
  const lines: Line[] = [];
  for (const [how, script] of Object.entries(PLAYED)) {
    const conversations = Math.ceil(CONVERSATIONS / thinning);
    const isHeld = script === SCRIPTS.ttft40;
    await withWarmPool(ours.target, 1, async (pool) => {
      const idle = await firstTokens(pool, ours);
      await fillBacklog(ours, conversations, script);
      const startedAt = performance.now();
      const crowded = await firstTokens(pool, ours);
      const left = await ours.unfinished();
      if (left === 0) throw new Error("The backlog was gone before the turns beside it were measured.");
      await untilDrained(ours);
      const perSecond = conversations / ((performance.now() - startedAt) / 1000);
      idle.push(...(await firstTokens(pool, ours)));
      const line = (what: string, value: number, limits: Limit[] = []): Line => ({
        goal: "S12",
        what: `neighbour ${how}: ${what}`,
        values: new Map([["ours", value]]),
        decimals: 0,
        limits,
      });
      const idleP95 = percentile(idle, 0.95);
      lines.push(
        line("first token p50 idle, ms", median(idle)),
        line("first token p50 beside it, ms", median(crowded)),
        line("first token p95 idle, ms", idleP95),
        line("first token p95 beside it, ms", percentile(crowded, 0.95), isHeld ? [atMost(2 * idleP95, "2 × idle")] : []),
        line("its own turns/s", perSecond),
      );
    });
  }
  return lines;
};

async function firstTokens(pool: Pool, { target }: Ours): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) times.push((await streamTurn(pool, target, SCRIPTS.ttft40)).firstTextMs);
  return times;
}
