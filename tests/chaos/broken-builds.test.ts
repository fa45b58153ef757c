import { describe, expect, test } from "vitest";
import { type Arena, startArena } from "./arena/start-arena.ts";
import { message } from "./plan/acts.ts";
import type { Plan } from "./plan/make-plan.ts";
import type { FaultPlan } from "./plan/points.ts";
import { runTrials } from "./run-trials.ts";

const markerOf = (seed: number): string => `t${seed}.`;

/** One conversation with one message, and one fault. */
const planOf = (seed: number, words: string, fault: Omit<FaultPlan, "holdMs"> & { holdMs?: number }): Plan => {
  const marker = markerOf(seed);
  const act = { ...message({ text: `${marker}0.0 ${words}`, mode: "auto", key: marker }), pauseMs: 0 };
  return { seed, marker, conversations: [{ agent: "router", acts: [act] }], faults: [{ holdMs: 0, ...fault }] };
};

/** Its worker sleeps with the answer in its hands until another one is in the middle of giving it. */
const fence = planOf(1, "say:250:12", { kind: "freeze", point: "settle", phase: "before", nth: 1, untilAskedFor: markerOf(1) });
/** Its worker dies in the second step: the first one is written down. */
const journal = planOf(2, "call:helper; say:40:10", { kind: "kill", point: "model", phase: "during", nth: 3 });
/** Its first order is lost. */
const outbox = planOf(3, "say:5", { kind: "lose", point: "outbox", phase: "before", nth: 1 });

/** Its worker dies before the peer has named its task, which does not end by itself. */
const ledger = planOf(4, "hand:courier:lateForever; say:5", { kind: "kill", point: "send", phase: "during", nth: 1 });

/** Plans of one group at once, groups one after the other: a worker that dies for one plan may never come to the call that another means. */
async function violationsOf(options: Partial<Parameters<typeof startArena>[0]>, groups: Plan[][], stuckMs: number): Promise<string[]> {
  const plans = groups.flat();
  const arena: Arena = await startArena({ slots: Math.max(...groups.map(({ length }) => length)), apis: 1, workers: 2, ...options });
  try {
    const results = [];
    for (const group of groups) results.push(...(await runTrials(arena, group, { stuckMs })));
    expect(results.map(({ struck }) => struck.length)).toEqual(plans.map(() => 1));
    return results.flatMap(({ violations }) => violations);
  } finally {
    await arena.close();
  }
}

const rulesOf = (violations: string[]): Set<string> => new Set(violations.map((what) => what.slice(0, what.indexOf(":"))));

describe("the checker sees what a switched-off guard lets through", () => {
  test("nothing, with every guard on", async () => {
    expect(await violationsOf({}, [[fence, journal, outbox], [ledger]], 30_000)).toEqual([]);
  });

  test("the fence: a worker that was overtaken in its sleep writes all the same", async () => {
    expect(rulesOf(await violationsOf({ broken: "fence" }, [[fence]], 15_000))).toContain("cursorsGrow");
  });

  test("the journal: what was written down is done again", async () => {
    const rules = rulesOf(await violationsOf({ broken: "journal" }, [[journal]], 15_000));
    expect(rules).toContain("stepsOnce");
    expect(rules).toContain("modelAskedOnce");
  });

  test("the outbox: an accepted message is never run", async () => {
    const rules = rulesOf(await violationsOf({ broken: "outbox" }, [[outbox]], 4_000));
    expect(rules).toContain("atRest");
    expect(rules).toContain("messagesEnd");
  });

  test("the ledger of calls: a peer is sent again what it has, and works on for nobody", async () => {
    // Within this another worker takes the turn over, also on a busy machine, and sends again.
    const violations = (await violationsOf({ broken: "ledger" }, [[ledger]], 15_000)).join("\n");
    expect(violations).toMatch(/^peersActOnce: the message \S+ was sent 2 times$/m);
    expect(violations).toMatch(/^peersActOnce: the task \S+ of \S+ has ended 0 times/m);
    expect(rulesOf(violations.split("\n"))).toContain("atRest");
  });
});
