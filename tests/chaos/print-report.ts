import type { EventRow } from "./check/facts.ts";
import { describePlan } from "./plan/make-plan.ts";
import type { TrialResult } from "./trial/run-trial.ts";

const counted = (values: string[]): [string, number][] => {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
};

const listed = (values: string[]): string =>
  counted(values)
    .map(([value, count]) => `${value} ${count}`)
    .join(", ") || "none";

/** How a turn ended, with its reason where it is not the answer. */
function endOf({ type, data }: EventRow): string[] {
  if (type === "turn.completed") return ["completed"];
  return type === "turn.stopped" || type === "turn.failed" ? [(data as { reason: string }).reason] : [];
}

/** Trials, what was done and struck in them, and how everything ended. */
export function reportLines(results: TrialResult[], crashes: string[], tookMs: number): string[] {
  const struck = results.flatMap((result) => result.struck);
  const facts = results.map((result) => result.facts);
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0);
  return [
    `trials      ${results.length} in ${Math.round(tookMs / 1_000)} s`,
    `faults      ${struck.length}: ${listed(struck.map(({ kind }) => kind))}`,
    `at points   ${listed(struck.map(({ point }) => point))}`,
    `messages    ${listed(facts.flatMap(({ messages }) => messages.map(({ state }) => state)))}`,
    `turns       ${listed(facts.flatMap(({ events }) => events.flatMap(endOf)))}`,
    `attempts    ${listed(facts.flatMap(({ events }) => events.flatMap(({ type, data }) => (type === "attempt.superseded" ? [String((data as { reason: string }).reason)] : []))))}`,
    `crashes     ${crashes.length}`,
    `violations  ${violations}`,
  ];
}

/** What a person needs to find out what went wrong. */
export function violationLines({ plan, violations, facts }: TrialResult): string[] {
  const log = facts.events.map(
    ({ conversationId, epoch, n, type, turnId, atMs, data }) =>
      `  ${conversationId.slice(-6)} ${epoch}-${n} ${new Date(atMs).toISOString().slice(14)} ${type} ${turnId?.slice(-6) ?? ""} ${JSON.stringify(data).slice(0, 160)}`,
  );
  return [
    ...describePlan(plan),
    ...violations.map((what) => `VIOLATION ${what}`),
    `again: npm run chaos -- --seed ${plan.seed} --trials 1`,
    ...log,
  ];
}
