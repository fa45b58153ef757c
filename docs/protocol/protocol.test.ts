import { describe, expect, test } from "vitest";
import { COMES_TO_REST, explore } from "./explore.ts";
import { invariantsUnder, LAWS } from "./laws.ts";
import { checkMutation, MUTATIONS } from "./mutations.ts";
import { type Bounds, protocolModel } from "./protocol-model.ts";
import { RULES } from "./rules.ts";
import type { Action, State } from "./state.ts";

/** Some seconds on a free core; a busy machine gets its time. */
const timeout = 120_000;

/** Everything that may happen. */
const ACTIONS: Record<Action["kind"], true> = {
  submit: true,
  stop: true,
  cancel: true,
  expireMessage: true,
  answer: true,
  orderDrain: true,
  deliverDrain: true,
  passLease: true,
  passCard: true,
  sweep: true,
  flushRedis: true,
  loseKick: true,
  strandKick: true,
  claim: true,
  claimLate: true,
  claimInVain: true,
  letGo: true,
  giveBack: true,
  renew: true,
  writeIntent: true,
  goOn: true,
  check: true,
  send: true,
  writeResult: true,
  writeUnknown: true,
  hearSteers: true,
  ask: true,
  askTwice: true,
  askApproval: true,
  complete: true,
  writeStop: true,
  crash: true,
  freeze: true,
  thaw: true,
  replace: true,
};

describe("the protocol", () => {
  test("keeps every law in every state within bounds, whatever goes wrong and however often", { timeout }, () => {
    const { counterexample } = explore(protocolModel({ messages: 2, cards: 1, workers: 2 }, RULES));
    expect(counterexample).toBeNull();
  });

  test("is explored to all of its actions and ends", { timeout }, () => {
    const seen = new Set<string>();
    const model = protocolModel({ messages: 2, cards: 2, workers: 1 }, RULES);
    const look = ({ conversation: c, turns, messages, cards }: State) => {
      for (const { status } of turns) seen.add(`turn ${status}`);
      for (const { state } of messages) seen.add(`message ${state}`);
      for (const { status } of cards) seen.add(`card ${status}`);
      for (const { journal } of turns) seen.add(`journal ${journal}`);
      if (c.held && c.state === "idle" && c.queue.length > 0) seen.add("held queue");
      return true;
    };
    const laws = { look: (_: State, { action, to }: { action: Action; to: State }) => seen.add(action.kind).size > 0 && look(to) };
    expect(explore({ ...model, invariants: {}, laws }).counterexample).toBeNull();
    // Only a protocol without a rule does this.
    const { goOn: _, ...actions } = ACTIONS;
    const ends = [
      ...["open", "completed", "stopped", "superseded"].map((status) => `turn ${status}`),
      ...["queued", "running", "done", "merged", "cancelled", "expired"].map((state) => `message ${state}`),
      ...["open", "answered", "approved", "denied", "expired", "superseded", "cancelled"].map((status) => `card ${status}`),
      ...["empty", "asked", "intent", "result", "unknown"].map((journal) => `journal ${journal}`),
    ];
    expect([...seen].toSorted()).toEqual([...Object.keys(actions), ...ends, "held queue"].toSorted());
  });

  test.each([
    { messages: 1, cards: 1, workers: 2 },
    { messages: 2, cards: 1, workers: 1 },
  ])("states that count as one behave alike, within $messages messages and $workers workers", { timeout }, (bounds) => {
    expect(findUnlike(bounds)).toBeNull();
  });
});

describe("the checker", () => {
  const cases = MUTATIONS.flatMap((mutation) => mutation.breaks.map((law) => ({ name: mutation.name, law, mutation })));
  test.each(cases)("sees what is wrong with: $name ($law)", { timeout }, ({ mutation, law }) => {
    expect(checkMutation(mutation, law).counterexample).toMatchObject({ broken: law });
  });

  test("can see every law broken, and every rule missing", () => {
    const laws = [...Object.keys(invariantsUnder(RULES)), ...Object.keys(LAWS), COMES_TO_REST];
    expect([...new Set(MUTATIONS.flatMap(({ breaks }) => breaks))].toSorted()).toEqual(laws.toSorted());
    expect([...new Set(MUTATIONS.flatMap(({ without }) => without))].toSorted()).toEqual(Object.keys(RULES).toSorted());
  });
});

/** A key of two states of which different things may follow, or null. */
function findUnlike(bounds: Bounds): string | null {
  const model = protocolModel(bounds, RULES);
  const future = (state: State) => {
    const steps = model.steps(state).map(({ action, isProgress, to }) => `${action.kind} ${isProgress} ${model.keyOf(to)}`);
    return [String(model.isRest(state)), ...new Set(steps.toSorted())].join("\n");
  };
  const futures = new Map([[model.keyOf(model.initial), future(model.initial)]]);
  const open = [model.initial];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const { to } of model.steps(state)) {
      const key = model.keyOf(to);
      const known = futures.get(key);
      const seen = future(to);
      if (known !== undefined && known !== seen) return key;
      if (known === undefined) open.push(to);
      futures.set(key, seen);
    }
  }
  return null;
}
