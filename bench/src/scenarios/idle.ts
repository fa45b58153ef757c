import { Pool } from "undici";
import type { Bench, Scenario } from "../harness/bench.ts";
import { atMost, type Line } from "../harness/line.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { streamTurn } from "../harness/stream-turn.ts";
import { withPool } from "../harness/with-pool.ts";
import { runConcurrently } from "../measure/run-concurrently.ts";
import { median } from "../measure/statistics.ts";
import { openIdleStreams } from "./idle-streams.ts";
import { awakenStreams, startConversations } from "./our-idle-streams.ts";

const KIBIBYTES_MAX = 45;
const WARM_UP = 300;

/** S7: what a stream costs on which nothing happens, and whether it still works after a silence. */
export const idle: Scenario = async (bench) => {
  const kibibytes = new Map<string, number>();
  for (const target of bench.targets) {
    if (target.front === null || !target.takesCrowds || target.name === "ours") continue;
    // The code, pools and buffers of a busy process are not the streams': let it be busy first.
    await withPool(target.origin, 64, (pool) =>
      runConcurrently(WARM_UP, 64, async () => void (await streamTurn(pool, target, SCRIPTS.short))),
    );
    const streams = await openIdleStreams(target, Array(bench.idleStreams).fill(target.streamed(SCRIPTS.silent)), () => undefined);
    kibibytes.set(target.name, streams.kibibytesEach);
    await streams.close();
  }
  const ours = await ourIdle(bench);
  if (ours !== null) kibibytes.set("ours", ours.kibibytesEach);
  const what = `${bench.idleStreams} idle streams`;
  const lines: Line[] = [
    { goal: "S7", what: `${what}, KiB each`, values: kibibytes, decimals: 1, limits: [atMost(KIBIBYTES_MAX, `${KIBIBYTES_MAX} KiB`)] },
  ];
  if (ours === null) return lines;
  const silence = `after ${bench.silenceMs / 1000} s of silence`;
  return [
    ...lines,
    { goal: "S7", what: `${what}, lost`, values: new Map([["ours", ours.lost]]), decimals: 0, limits: [atMost(0, "none")] },
    { goal: "S7", what: "first event at start p50, ms", values: new Map([["ours", ours.atStartMs]]), decimals: 1, limits: [] },
    // Half again is more than the noise between two medians of the same thing.
    {
      goal: "S7",
      what: `first event ${silence} p50, ms`,
      values: new Map([["ours", ours.afterSilenceMs]]),
      decimals: 1,
      limits: [atMost(1.5 * ours.atStartMs, "1.5 × at start")],
    },
  ];
};

async function ourIdle({ ours, idleStreams, silenceMs }: Bench) {
  if (ours === null) return null;
  const control = new Pool(ours.target.origin, { connections: 32, pipelining: 1 });
  try {
    const conversations = await startConversations(control, ours, idleStreams);
    const listeners = new Map<number, (data: string) => void>();
    const requests = conversations.map((id) => ours.attach(SCRIPTS.short, id));
    const streams = await openIdleStreams(ours.target, requests, (index, data) => listeners.get(index)?.(data));
    try {
      const atStart = await awakenStreams(control, ours, conversations, listeners);
      await new Promise((resolve) => setTimeout(resolve, silenceMs));
      const afterSilence = await awakenStreams(control, ours, conversations, listeners);
      return {
        kibibytesEach: streams.kibibytesEach,
        lost: streams.lost(),
        atStartMs: median(atStart),
        afterSilenceMs: median(afterSilence),
      };
    } finally {
      await streams.close();
    }
  } finally {
    await control.destroy();
  }
}
