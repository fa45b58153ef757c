import type { QueueingPeer, Scenario } from "../harness/bench.ts";
import { interleave, mapValues } from "../harness/interleave.ts";
import { atMost, valueOf } from "../harness/line.ts";
import { withPool } from "../harness/with-pool.ts";
import { median, percentile } from "../measure/statistics.ts";
import { measurePickup } from "./bullmq-pickup.ts";
import { ourHandOver } from "./our-hand-over.ts";

const QUEUED = 6;
const CONVERSATIONS = 8;

/** S4: from the end of a turn to the start of the next queued one, in one conversation and in eight at once, as a client sees it. */
export const handOver: Scenario = async ({ ours, langGraph, redisUrl, rounds }) => {
  const subjects: QueueingPeer[] = [];
  if (ours !== null) {
    const { origin } = ours.target;
    subjects.push({ name: "ours", handOver: (turns) => withPool(origin, 2, (pool) => ourHandOver(pool, ours, turns)) });
  }
  if (langGraph !== null) subjects.push(langGraph);
  const alone = mapValues(await interleave(subjects, rounds, ({ handOver }) => handOver(QUEUED)), (rounds) => rounds.flat());
  const crowd = mapValues(
    await interleave(subjects, rounds, async ({ handOver }) =>
      (await Promise.all(Array.from({ length: CONVERSATIONS }, () => handOver(QUEUED)))).flat(),
    ),
    (rounds) => rounds.flat(),
  );
  const pickup = await measurePickup(`${redisUrl}/2`);
  const p50 = mapValues(alone, median);
  const p99 = mapValues(crowd, (values) => percentile(values, 0.99));
  p50.set("BullMQ", pickup.p50);
  p99.set("BullMQ", pickup.p99);
  return [
    {
      goal: "S4",
      what: "hand-over p50, ms",
      values: p50,
      decimals: 2,
      limits: [atMost(4 * pickup.p50, "4 × BullMQ pickup"), atMost(valueOf(p50, "LangGraph"), "LangGraph")],
    },
    {
      goal: "S4",
      what: `hand-over p99, ${CONVERSATIONS} at once, ms`,
      values: p99,
      decimals: 1,
      limits: [atMost(valueOf(p99, "LangGraph"), "LangGraph")],
    },
  ];
};
