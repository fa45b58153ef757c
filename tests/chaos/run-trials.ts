import type { Arena } from "./arena/start-arena.ts";
import type { Plan } from "./plan/make-plan.ts";
import { runTrial, type TrialOptions, type TrialResult } from "./trial/run-trial.ts";

interface TrialsOptions extends TrialOptions {
  /** No trial is begun after this. */
  untilMs?: number;
  onResult?(result: TrialResult): void;
}

/** Runs plans, as many at a time as the arena has slots, until there are no more or the time is over. */
export async function runTrials(arena: Arena, plans: Iterable<Plan>, options: TrialsOptions): Promise<TrialResult[]> {
  const { untilMs = Number.POSITIVE_INFINITY, onResult } = options;
  const results: TrialResult[] = [];
  const waiting = plans[Symbol.iterator]();
  const work = arena.slots.map(async (slot) => {
    for (;;) {
      const next = performance.now() < untilMs ? waiting.next() : undefined;
      if (next === undefined || next.done) return;
      const result = await runTrial(arena, slot, next.value, options);
      results.push(result);
      onResult?.(result);
    }
  });
  await Promise.all(work);
  return results;
}
