import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "undici";
import type { Scenario } from "../harness/bench.ts";
import { atMost, type Line } from "../harness/line.ts";
import type { StreamRequest } from "../harness/open-stream.ts";
import { FAN_OUT } from "../harness/scripts.ts";
import { withPool } from "../harness/with-pool.ts";
import { median, percentile } from "../measure/statistics.ts";
import type { Ours } from "../targets/ours.ts";
import { readUpstreamCount, type UpstreamCount } from "../upstream/upstream-count.ts";

const STOPS = 40;
const WARM_UP = 3;
/** All of them are in the middle of their answers by then. */
const SPEAKING_MS = 200;
/** Ten times as long as a token takes. */
const SILENCE_MS = 200;
const POLL_MS = 5;
const PATIENCE_MS = 10_000;

/** In one turn, under its lease and in its worker; or each a turn of its own, on whichever worker. The root itself speaks on beside the latter. */
const MODES = {
  sync: { what: "20 sync children", open: FAN_OUT.calls },
  async: { what: "20 async children", open: FAN_OUT.calls + 1 },
} as const;
type Mode = keyof typeof MODES;

interface Stopped {
  answeredMs: number;
  /** From the call to the model's last socket. */
  closedMs: number;
  /** Tokens and requests that the model saw after that. */
  later: number;
  /** Turns that each worker ran when the call was made. */
  held: number[];
}

/** S9: how long after the call of a stop the last of twenty children's sockets to the model is closed, with two workers. */
export const stopChildren: Scenario = async ({ ours, upstreamUrl, thinning }) => {
  if (ours === null) return [];
  const second = await ours.startWorker();
  const rounds: Record<Mode, Stopped[]> = { sync: [], async: [] };
  try {
    await withPool(ours.target.origin, 1, async (pool) => {
      for (let round = -WARM_UP; round < STOPS / thinning; round++) {
        for (const mode of ["sync", "async"] as const) {
          const stopped = await stopOnce({ pool, ours, upstreamUrl }, mode);
          if (round >= 0) rounds[mode].push(stopped);
        }
      }
    });
  } finally {
    await second.stop();
  }
  if (rounds.async.every(({ held }) => held.length < 2)) throw new Error("All children ran on one worker.");
  return (["sync", "async"] as const).flatMap((mode) => linesOf(MODES[mode].what, rounds[mode]));
};

function linesOf(what: string, rounds: Stopped[]): Line[] {
  const line = (name: string, value: number, limits: Line["limits"] = []): Line => ({
    goal: "S9",
    what: `${what}: ${name}`,
    values: new Map([["ours", value]]),
    decimals: 0,
    limits,
  });
  const closed = rounds.map(({ closedMs }) => closedMs);
  return [
    line("stop answered p50, ms", median(rounds.map(({ answeredMs }) => answeredMs))),
    line("last socket closed p50, ms", median(closed)),
    line("last socket closed p99, ms", percentile(closed, 0.99), [atMost(250, "250 ms")]),
    line(
      "tokens after that",
      rounds.reduce((sum, { later }) => sum + later, 0),
      [atMost(0, "none")],
    ),
  ];
}

interface Stage {
  pool: Pool;
  ours: Ours;
  upstreamUrl: string;
}

async function stopOnce({ pool, ours, upstreamUrl }: Stage, mode: Mode): Promise<Stopped> {
  const { id } = (await ask(pool, ours.fanOut(mode))) as { id: string };
  await until(upstreamUrl, ({ open }) => open === MODES[mode].open);
  await sleep(SPEAKING_MS);
  const held = await ours.held();
  const calledAtMs = Date.now();
  const { children } = (await ask(pool, ours.stop(FAN_OUT, id))) as { children: unknown[] };
  const answeredMs = Date.now() - calledAtMs;
  if (children.length !== FAN_OUT.calls) throw new Error(`The stop lists ${children.length} of ${FAN_OUT.calls} children.`);
  const closed = await until(upstreamUrl, ({ open }) => open === 0);
  await sleep(SILENCE_MS);
  const later = await readUpstreamCount(upstreamUrl);
  return {
    answeredMs,
    closedMs: closed.lastLeftAtMs - calledAtMs,
    later: later.tokens - closed.tokens + later.requests - closed.requests,
    held,
  };
}

async function ask(pool: Pool, request: StreamRequest): Promise<unknown> {
  const { statusCode, body } = await pool.request(request);
  const answer = await body.text();
  if (statusCode >= 300) throw new Error(`${request.path} answered ${statusCode}: ${answer.slice(0, 300)}`);
  return JSON.parse(answer);
}

async function until(upstreamUrl: string, isSo: (count: UpstreamCount) => boolean): Promise<UpstreamCount> {
  const startedAt = performance.now();
  for (;;) {
    const count = await readUpstreamCount(upstreamUrl);
    if (isSo(count)) return count;
    if (performance.now() - startedAt > PATIENCE_MS) throw new Error(`The model has ${count.open} answers under way.`);
    await sleep(POLL_MS);
  }
}
