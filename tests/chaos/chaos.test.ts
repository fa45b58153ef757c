import { afterAll, beforeAll, expect, test } from "vitest";
import { type Arena, startArena } from "./arena/start-arena.ts";
import { makePlan, type Plan } from "./plan/make-plan.ts";
import { reportLines, violationLines } from "./print-report.ts";
import { runTrials } from "./run-trials.ts";

/** Trials are begun for so long; the last ones take a few seconds more. */
const RUN_MS = 35_000;
const STUCK_MS = 45_000;
const FIRST_SEED = 1;

let arena: Arena;
beforeAll(async () => {
  arena = await startArena({ slots: 8 });
});
afterAll(() => arena.close());

function* plans(): Generator<Plan> {
  for (let seed = FIRST_SEED; ; seed++) yield makePlan(seed);
}

test("under kills, freezes, cuts and flushes at every named point nothing is lost, nothing is done twice, and all comes to rest", {
  timeout: RUN_MS + 3 * STUCK_MS,
}, async () => {
  const startedMs = performance.now();
  const results = await runTrials(arena, plans(), { stuckMs: STUCK_MS, untilMs: startedMs + RUN_MS });
  console.info(reportLines(results, arena.crashes, performance.now() - startedMs).join("\n"));
  expect(results.filter(({ violations }) => violations.length > 0).flatMap(violationLines)).toEqual([]);
  expect(arena.crashes).toEqual([]);
  // A run in which little was tried shows little.
  expect(results.length).toBeGreaterThan(8);
  expect(new Set(results.flatMap(({ struck }) => struck.map(({ kind }) => kind))).size).toBeGreaterThan(4);
});
