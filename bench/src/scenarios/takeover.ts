import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import type { Scenario } from "../harness/bench.ts";
import { atMost, type Line } from "../harness/line.ts";
import { SCRIPTS } from "../harness/scripts.ts";
import { median } from "../measure/statistics.ts";
import type { RunningProcess } from "../services/start-process.ts";
import type { Ours } from "../targets/ours.ts";

const ROUNDS = 6;
/** Every answer here is longer: a worker that is told to end gives its turn back after it. */
const GRACE_MS = 300;
/** As shipped, and what a sweep may take besides. */
const LEASE_MS = 10_000;
const KILLED_MS_MAX = LEASE_MS + 2_000;
const TOLD_MS_MAX = 1_000;
const POLL_MS = 2;
const PATIENCE_MS = 60_000;

/**
 * T2: how long a turn is nobody's. After `kill -9` from the signal to the next worker's claim, at the lease that we ship; after SIGTERM from
 * when the old worker was last seen with the turn to when the next one first was. Another worker is there each time.
 */
export const takeover: Scenario = async ({ ours: measured, startAnother, thinning }) => {
  if (measured === null) return [];
  const { ours, stop } = await startAnother("takeover", { LEASE_MS: String(LEASE_MS), WORKER_GRACE_MS: String(GRACE_MS) });
  const pool = new Pool(ours.target.origin, { connections: 1, pipelining: 1 });
  const workers = [ours.worker, await ours.startWorker()];
  const times: Record<"SIGKILL" | "SIGTERM", number[]> = { SIGKILL: [], SIGTERM: [] };
  try {
    for (let round = 0; round < ROUNDS / thinning; round++) {
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        times[signal].push(await endHolder({ pool, ours, workers }, signal));
        workers.push(await ours.startWorker());
      }
    }
  } finally {
    for (const worker of workers) await worker.stop();
    await pool.destroy();
    await stop();
  }
  const line = (what: string, values: number[], max: number): Line[] => [
    { goal: "T2", what: `${what} p50, ms`, values: new Map([["ours", median(values)]]), decimals: 0, limits: [] },
    {
      goal: "T2",
      what: `${what} max, ms`,
      values: new Map([["ours", Math.max(...values)]]),
      decimals: 0,
      limits: [atMost(max, `${max} ms`)],
    },
  ];
  return [...line("kill -9 to next claim", times.SIGKILL, KILLED_MS_MAX), ...line("give-back to next claim", times.SIGTERM, TOLD_MS_MAX)];
};

interface Stage {
  pool: Pool;
  ours: Ours;
  workers: RunningProcess[];
}

/** Ends the worker of a turn that has begun, and answers for how long nobody had the turn. */
async function endHolder({ pool, ours, workers }: Stage, signal: "SIGKILL" | "SIGTERM"): Promise<number> {
  const { body } = await pool.request(ours.start(SCRIPTS.endless));
  const { id } = (await body.json()) as { id: string };
  const isOf = (owner: string | null, worker: RunningProcess | undefined) => owner?.includes(`-${worker?.pid}-`) ?? false;
  const { owner: first } = await untilHeld(ours, id, () => true);
  const holder = workers.find((worker) => isOf(first, worker));
  if (holder === undefined) throw new Error(`No worker of ours holds the turn: ${first}.`);
  // Its first tokens are out by then.
  await sleep(200);
  const signalledAt = performance.now();
  process.kill(holder.pid, signal);
  const { lastSeenAt } = await untilHeld(ours, id, (owner) => !isOf(owner, holder));
  const takenAt = performance.now();
  const { body: stopped } = await pool.request(ours.stop(SCRIPTS.endless, id));
  await stopped.text();
  return takenAt - (signal === "SIGKILL" ? signalledAt : lastSeenAt);
}

/** Polls until a worker that will do holds the turn; answers which, and when the last one that would not was last seen. */
async function untilHeld(ours: Ours, id: string, willDo: (owner: string) => boolean) {
  const untilAt = performance.now() + PATIENCE_MS;
  let lastSeenAt = performance.now();
  for (;;) {
    const askedAt = performance.now();
    const [row] = await ours.owner<{ owner: string | null }[]>`
      select case when state = 'running' then lease_owner end as owner from conversations where id = ${id}`;
    const owner = row?.owner ?? null;
    if (owner !== null && willDo(owner)) return { owner, lastSeenAt };
    if (owner !== null) lastSeenAt = askedAt;
    if (askedAt > untilAt) throw new Error("Nobody takes the turn.");
    await sleep(POLL_MS);
  }
}
