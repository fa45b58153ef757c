import type { EventType } from "@parley/contracts";
import { expect, test } from "vitest";
import { checkFacts } from "./check-facts.ts";
import type { EventRow, Facts } from "./facts.ts";
import { CONVERSATION, healthyTrial, STARTED_MS, TURN } from "./healthy-trial.ts";

const find = <Item>(items: readonly Item[], fits: (item: Item) => boolean): Item => {
  const found = items.find(fits);
  if (found === undefined) throw new Error("The healthy trial has no such thing.");
  return found;
};
const byId = <Item extends { id: string }>(items: readonly Item[], wanted: string): Item => find(items, ({ id }) => id === wanted);
const ofType = (facts: Facts, type: EventType): EventRow => find(facts.events, (event) => event.type === type);
const drop = (facts: Facts, type: EventType): void => void facts.events.splice(facts.events.indexOf(ofType(facts, type)), 1);
/** At the end of the conversation's last epoch. */
function append(facts: Facts, event: EventRow): void {
  const end = facts.events.findLastIndex(({ conversationId }) => conversationId === CONVERSATION) + 1;
  facts.events.splice(end, 0, { ...event, epoch: 5, n: 5, previous: null, atMs: STARTED_MS + 600 });
}
const taskOf = (facts: Facts) => byId(facts.peers.tasks, "task");
const deltas = (facts: Facts): Set<string> => facts.witnessed.get(CONVERSATION) as Set<string>;
const change = (row: object, more: object): void => void Object.assign(row, more);

test("a healthy trial has nothing wrong with it", () => {
  expect(checkFacts(healthyTrial())).toEqual([]);
});

test.each<[string, string, (facts: Facts) => unknown]>([
  ["something still waits", "atRest", (facts) => facts.unrest.push("conversation c rests ready")],

  ["an accepted message is gone", "messagesEnd", (facts) => facts.messages.shift()],
  ["an accepted message is there twice", "messagesEnd", (facts) => facts.messages.push({ ...byId(facts.messages, "m1"), id: "m5" })],
  ["a refused message was kept", "messagesEnd", (facts) => facts.messages.push({ ...byId(facts.messages, "m1"), text: "t1.2 say" })],
  ["a cancelled message was run", "messagesEnd", (facts) => append(facts, { ...ofType(facts, "turn.created"), turnId: "never" })],
  ["a cancelled message is done", "messagesEnd", (facts) => change(byId(facts.messages, "m2"), { state: "done" })],
  ["a message is cancelled without a word", "messagesEnd", (facts) => facts.events.splice(3, 1)],
  ["a message still runs", "messagesEnd", (facts) => change(byId(facts.messages, "m1"), { state: "running" })],
  ["a message steers twice", "messagesEnd", (facts) => append(facts, ofType(facts, "steer.applied"))],
  ["a message was neither run nor steered with", "messagesEnd", (facts) => drop(facts, "steer.applied")],

  ["a turn has two ends", "turnsEndOnce", (facts) => append(facts, ofType(facts, "turn.completed"))],
  ["a turn has no end", "turnsEndOnce", (facts) => drop(facts, "turn.completed")],
  ["a turn's row says another end", "turnsEndOnce", (facts) => change(byId(facts.turns, TURN), { status: "stopped" })],
  ["a turn goes on after its end", "turnsEndOnce", (facts) => append(facts, ofType(facts, "attempt.superseded"))],
  ["a turn is tried again without a word", "turnsEndOnce", (facts) => drop(facts, "attempt.superseded")],
  ["an attempt is skipped", "turnsEndOnce", (facts) => change(ofType(facts, "turn.started"), { data: { attempt: 2 } })],
  ["a turn of no row is in the log", "turnsEndOnce", (facts) => facts.turns.pop()],
  [
    "a turn failed by itself",
    "turnsEndOnce: turn turn failed",
    (facts) => change(ofType(facts, "turn.completed"), { type: "turn.failed", data: { reason: "internal", result: null } }),
  ],
  ["two turns run at once", "turnsEndOnce", (facts) => change(ofType(facts, "turn.started"), { turnId: "another" })],

  ["an old epoch writes after a newer one", "cursorsGrow", (facts) => change(ofType(facts, "step.completed"), { atMs: STARTED_MS + 350 })],
  ["a place in the log was skipped", "cursorsGrow", (facts) => deltas(facts).delete("3-3")],
  ["a place in the log was given out twice", "cursorsGrow", (facts) => deltas(facts).add("3-4")],
  ["an epoch follows another head", "cursorsGrow", (facts) => change(ofType(facts, "attempt.superseded"), { previous: "2-8" })],

  ["a step has two responses", "stepsOnce", (facts) => append(facts, ofType(facts, "step.completed"))],
  ["a call is made twice", "stepsOnce", (facts) => append(facts, ofType(facts, "tool.called"))],
  ["a call returns twice", "stepsOnce", (facts) => append(facts, ofType(facts, "tool.returned"))],
  ["a call of a completed turn has no result", "stepsOnce", (facts) => drop(facts, "tool.returned")],

  [
    "the model is asked again for what is known",
    "modelAskedOnce",
    (facts) => facts.calls.push({ ...find(facts.calls, ({ key }) => key === "t1.0/1"), atMs: STARTED_MS + 5_000 }),
  ],

  ["an answer lacks a token", "answersWhole", (facts) => change(ofType(facts, "turn.completed"), { data: { result: "t1.3/1#" } })],
  [
    "an answer was never wholly sent",
    "answersWhole",
    (facts) =>
      change(
        find(facts.calls, ({ key }) => key === "t1.3/1"),
        { isWhole: false },
      ),
  ],
  [
    "a turn has another's answer",
    "answersWhole",
    (facts) => change(ofType(facts, "steer.applied"), { data: { messageId: "m3", text: "" } }),
  ],
  [
    "a stopped turn has words that nobody said",
    "answersWhole",
    (facts) => append(facts, { ...ofType(facts, "turn.completed"), type: "turn.stopped", data: { result: "t1.3/1#1" } }),
  ],

  ["a child's end is told twice", "childrenEnd", (facts) => append(facts, ofType(facts, "child.finished"))],
  ["a child's end is not told", "childrenEnd", (facts) => drop(facts, "child.finished")],
  ["a child still runs", "childrenEnd", (facts) => change(byId(facts.executions, "sync"), { status: "executing" })],

  ["a tool acts twice", "toolsActOnce", (facts) => facts.toolCalls.push({ ...find(facts.toolCalls, ({ path }) => path === "/charge") })],
  [
    "a repeated call has another key",
    "toolsActOnce: /lookup was sent x under",
    (facts) => {
      const lookup = { ...find(facts.toolCalls, ({ path }) => path === "/charge"), path: "/lookup", order: "x" };
      facts.toolCalls.push(lookup, { ...lookup, key: "another" });
    },
  ],
  [
    "a result is told of what was never done",
    "toolsActOnce",
    (facts) =>
      change(
        find(facts.toolCalls, ({ path }) => path === "/charge"),
        { hasActed: false },
      ),
  ],
  [
    "a call is made before it was approved",
    "toolsActOnce",
    (facts) =>
      change(
        find(facts.toolCalls, ({ path }) => path === "/pay"),
        { atMs: STARTED_MS + 300 },
      ),
  ],
  [
    "a call is made that was denied",
    "toolsActOnce",
    (facts) => change(ofType(facts, "card.closed"), { data: { cardId: "card", outcome: "denied" } }),
  ],

  ["a peer is sent a message twice", "peersActOnce: the message", (facts) => facts.peers.messages.push(...facts.peers.messages)],
  [
    "a peer is sent a call under another id",
    "peersActOnce: the call",
    (facts) => facts.peers.messages.push({ ...find(facts.peers.messages, () => true), id: "another" }),
  ],
  ["a call is two tasks", "peersActOnce: the call", (facts) => facts.peers.tasks.push({ ...taskOf(facts), id: "another" })],
  ["a task has no end", "peersActOnce: the task", (facts) => taskOf(facts).ends.pop()],
  ["a task has two ends", "peersActOnce: the task", (facts) => taskOf(facts).ends.push({ state: "canceled", atMs: STARTED_MS })],
  [
    "a call is told as completed that was cancelled",
    "peersActOnce: the call",
    (facts) =>
      change(
        find(taskOf(facts).ends, () => true),
        { state: "canceled" },
      ),
  ],
  ["a call is told another's answer", "peersActOnce: the call", (facts) => change(taskOf(facts), { text: "another" })],
  ["a call is told to be another task", "peersActOnce: the call", (facts) => change(taskOf(facts), { id: "another" })],
  ["a task is cancelled whose answer was taken", "peersActOnce: the task", (facts) => facts.peers.cancelled.push("task")],
  [
    "a call is still in the ledger",
    "peersActOnce: the call",
    (facts) => change(byId(facts.peers.calls, "peer-call"), { state: "canceling" }),
  ],
  [
    "a call is given up whose task the peer has",
    "peersActOnce: the call",
    (facts) => change(byId(facts.peers.calls, "peer-call"), { cancelOutcome: "not_found" }),
  ],

  ["a card is opened twice", "cardsCloseOnce", (facts) => append(facts, ofType(facts, "card.opened"))],
  ["a card is closed twice", "cardsCloseOnce", (facts) => append(facts, ofType(facts, "card.closed"))],
  ["a card of an ended turn is open", "cardsCloseOnce", (facts) => change(byId(facts.cards, "card"), { status: "open" })],
  [
    "two callers are told that theirs is the decision",
    "cardsCloseOnce",
    (facts) => facts.ledger.decided.push({ cardId: "card", outcome: "denied" }),
  ],

  ["a stopped turn was completed", "stopsHold", (facts) => facts.ledger.stopped.push({ turnId: TURN, atMs: STARTED_MS })],
  [
    "a stopped turn's background child went on",
    "stopsHold: child",
    (facts) => {
      facts.ledger.stopped.push({ turnId: TURN, atMs: STARTED_MS });
      change(ofType(facts, "turn.completed"), { type: "turn.stopped" });
    },
  ],

  ["a step was not metered", "usageOnce", (facts) => facts.usage.shift()],
  [
    "an answer was estimated that the model has counted",
    "usageOnce: the model counted 4/2",
    (facts) =>
      change(
        find(facts.usage, ({ step }) => step === 2),
        { estimated: true },
      ),
  ],
  [
    "more was estimated than was ever sent",
    "was estimated as 900 tokens",
    (facts) =>
      change(
        find(facts.usage, ({ step }) => step === 2),
        { estimated: true, outputTokens: 900 },
      ),
  ],
  ["an answer was metered twice", "usageOnce", (facts) => facts.usage.push({ ...find(facts.usage, ({ step }) => step === 1), attempt: 2 })],

  ["the books do not add up", "moneyExact: the entries", (facts) => facts.money.entries.pop()],
  [
    "an account is kept as something else",
    "moneyExact: revenue is kept as 51, and its entries add up to 777100",
    (facts) =>
      change(
        find(facts.money.balances, ({ account }) => account === "revenue"),
        { balanceMicros: 51 },
      ),
  ],
  [
    "money is held at rest",
    "moneyExact: of customer",
    (facts) =>
      change(
        find(facts.money.balances, ({ account }) => account === "customer"),
        { heldMicros: 1 },
      ),
  ],
  ["a hold is left", "moneyExact: 1 holds", (facts) => change(facts.money, { holds: 1 })],
  [
    "more was earned than charged",
    "moneyExact: the transaction posted earns 777100 for charges of 777077",
    (facts) =>
      change(
        find(facts.money.charges, () => true),
        { transactionId: "another" },
      ),
  ],
  ["a use is not charged", "moneyExact: the use", (facts) => facts.money.charges.shift()],
  ["a peer's call is not charged", "was taken up and is not charged", (facts) => facts.money.charges.pop()],
  ["a peer's call is charged twice", "is charged 2 times", (facts) => facts.money.charges.push(...facts.money.charges.slice(-1))],
  ["a use is charged twice", "moneyExact: the use", (facts) => facts.money.charges.push(find(facts.money.charges, () => true))],
  [
    "a use is charged at another price",
    "costs 23 and was charged 24",
    (facts) =>
      change(
        find(facts.money.charges, () => true),
        { amountMicros: 24 },
      ),
  ],
  [
    "a use is charged as another",
    "moneyExact: the use",
    (facts) =>
      change(
        find(facts.money.charges, () => true),
        { outputTokens: 3 },
      ),
  ],
  [
    "the customer pays for two attempts of a step",
    "moneyExact: the customer pays",
    (facts) => {
      facts.usage.push({ ...find(facts.usage, ({ step }) => step === 1), attempt: 2 });
      facts.money.charges.push({ ...find(facts.money.charges, () => true), sourceId: `${TURN}/${CONVERSATION}/2/1/0` });
    },
  ],
  [
    "somebody with money is refused",
    "for want of money",
    (facts) => change(ofType(facts, "turn.completed"), { type: "turn.failed", data: { reason: "budget", result: null } }),
  ],
])("it is seen when %s", (_, told, damage) => {
  const facts = healthyTrial();
  damage(facts);
  expect(checkFacts(facts).join("\n")).toContain(told);
});

test("what a process was about to do when it was frozen is the one repetition that is let pass", () => {
  const facts = healthyTrial();
  facts.calls.push({ ...find(facts.calls, ({ key }) => key === "t1.0/1"), atMs: STARTED_MS + 5_000 });
  facts.frozen.push({ fromMs: STARTED_MS, toMs: STARTED_MS + 4_900 });
  expect(checkFacts(facts)).toEqual([]);
});
