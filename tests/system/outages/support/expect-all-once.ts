import { expect } from "vitest";
import type { Crowd } from "./crowd.ts";
import type { Settled } from "./settle-crowd.ts";

/** Nothing was lost, and nothing of it was done again: no attempt, no question to the model, no call of a tool. */
export function expectAllOnce(settled: Settled, { stopped = [] }: { stopped?: string[] } = {}): void {
  expect(settled.violations).toEqual([]);
  expect(settled.superseded).toEqual([]);
  expect([...settled.asked].filter(([, times]) => times > 1)).toEqual([]);
  expectAllEnded(settled, stopped);
}

/** Every turn has its whole answer, but for those that were stopped; each tool was called once. */
export function expectAllEnded({ facts }: Settled, stopped: string[] = []): void {
  const unanswered = facts.turns.filter(({ status }) => status !== "completed").map(({ id, status }) => [id, status]);
  expect(unanswered).toEqual(stopped.map((id) => [id, "stopped"]));
  expect(facts.toolCalls.map(({ order }) => order).toSorted()).toEqual([...new Set(facts.toolCalls.map(({ order }) => order))].toSorted());
}

/** Says how long after `backAtMs` readers were told something again, and everything was over. */
export function reportRecovery(
  what: string,
  { readings }: Crowd,
  { backAtMs, restedAtMs }: { backAtMs: number; restedAtMs: number },
): void {
  const waits = readings
    .flatMap(({ heardAtMs }) => heardAtMs.find((atMs) => atMs >= backAtMs) ?? [])
    .map((atMs) => atMs - backAtMs)
    .toSorted((a, b) => a - b);
  const median = waits[Math.floor(waits.length / 2)];
  const figures = `${waits.length} readers went on after ${median} ms (median), ${waits.at(-1)} ms (last)`;
  console.info(`measured: ${what}: ${figures}; all at rest after ${restedAtMs - backAtMs} ms`);
}
