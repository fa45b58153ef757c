import type { Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atMost, type Line, valueOf } from "../harness/line.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import type { Target } from "../harness/target.ts";
import { withPool } from "../harness/with-pool.ts";
import { withWarmPool } from "../harness/with-warm-pool.ts";
import { median } from "../measure/statistics.ts";
import { fillHistory } from "./fill-history.ts";
import { growThread } from "./grow-thread.ts";

const CONVERSATIONS = 10_000;
const EVENTS_EACH = 1_000;
const THREAD_TURNS = 2_000;
const TURNS = 60;
const GROWTH_MAX = 1.3;

/**
 * S11: what the product adds to the first token of a new conversation, in an empty system and in one that has ten thousand
 * conversations with ten million events; and in the latter to the next turn of a conversation that has two thousand.
 */
export const growth: Scenario = async ({ ours, targets, startAnother, rounds, thinning }) => {
  const direct = targets.find(({ name }) => name === "direct");
  if (ours === null || direct === undefined) return [];
  const { ours: grown, stop } = await startAnother("grown");
  try {
    const script = SCRIPTS.ttft40;
    await fillHistory(grown, { conversations: Math.ceil(CONVERSATIONS / thinning), eventsEach: EVENTS_EACH, script });
    const thread = await withPool(grown.target.origin, 1, (pool) => growThread(pool, grown, THREAD_TURNS, script));
    const subjects: Target[] = [
      direct,
      { ...ours.target, name: "empty" },
      { ...grown.target, name: "full" },
      { ...grown.target, name: "thread", streamed: () => grown.continued(script, thread) },
    ];
    const samples = await interleave(subjects, rounds, (target) =>
      withWarmPool(target, 1, async (pool) => {
        const times: number[] = [];
        for (let turn = 0; turn < TURNS / thinning; turn++) times.push((await streamTurn(pool, target, script)).firstTextMs);
        return times;
      }),
    );
    const p50 = mapValues(samples, (rounds) => median(rounds.flat()));
    const added = (name: string) => valueOf(p50, name) - valueOf(p50, "direct");
    const limit = atMost(GROWTH_MAX * added("empty"), `${GROWTH_MAX} × empty`);
    const line = (what: string, name: string, limits: Line["limits"]): Line => ({
      goal: "S11",
      what: `ttft40 added p50, ${what}, ms`,
      values: new Map([["ours", added(name)]]),
      decimals: 2,
      limits,
    });
    const events = ((CONVERSATIONS / thinning) * EVENTS_EACH) / 1_000_000;
    return [
      line("empty", "empty", []),
      line(`${events.toFixed(1)} million events`, "full", [limit]),
      line(`turn ${THREAD_TURNS} of a thread`, "thread", [limit]),
    ];
  } finally {
    await stop();
  }
};
