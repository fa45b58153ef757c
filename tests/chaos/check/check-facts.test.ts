import type { EventData, EventType } from "@parley/contracts";
import { expect, test } from "vitest";
import { checkFacts } from "./check-facts.ts";
import type { EventRow, Facts } from "./facts.ts";

const CONVERSATION = "conversation";
const BACKGROUND = "background";
const TURN = "turn";
const CHILD_TURN = "child-turn";
const STARTED_MS = 1_000_000;
const USED = { inputTokens: 1, outputTokens: 1, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };
const CALLS = [
  { callId: "t1.0/1/0", name: "helper", arguments: "{}" },
  { callId: "t1.0/1/1", name: "background", arguments: "{}" },
];

/** An event of the healthy log: where, in which epoch and place, what. */
function event<Type extends EventType>(place: [string, number, number], type: Type, data: Partial<EventData[Type]> = {}): EventRow {
  const [conversationId, epoch, n] = place;
  const turnId = conversationId === BACKGROUND ? CHILD_TURN : TURN;
  return { conversationId, epoch, n, previous: null, type, executionId: conversationId, turnId, atMs: STARTED_MS + epoch * 100 + n, data };
}

const first = (row: EventRow, previous: string): EventRow => ({ ...row, previous });

/** A turn that was taken over once, waited for one child and sent another one off: all of it well. */
function healthy(): Facts {
  const messages = [
    { id: "m1", conversationId: CONVERSATION, turnId: TURN, state: "done", text: "t1.0 call" },
    { id: "m2", conversationId: CONVERSATION, turnId: "never", state: "cancelled", text: "t1.1 say" },
    { id: "m3", conversationId: BACKGROUND, turnId: CHILD_TURN, state: "done", text: "t1.0.s1.c1 say" },
  ];
  const on = (epoch: number, n: number): [string, number, number] => [CONVERSATION, epoch, n];
  const off = (epoch: number, n: number): [string, number, number] => [BACKGROUND, epoch, n];
  const child = { childId: "sync", agentId: "a", mode: "sync" as const };
  const sentOff = { childId: BACKGROUND, agentId: "a", mode: "async" as const };
  const call = (key: string, text: string, atMs: number) => ({
    key,
    atMs,
    isWhole: true,
    text,
    usage: { inputTokens: atMs, outputTokens: 2 },
  });
  const execution = { conversationId: CONVERSATION, parentId: CONVERSATION, status: "completed" };
  return {
    ledger: {
      sent: ["t1.0 call", "t1.1 say"],
      accepted: [
        { conversationId: CONVERSATION, messageId: "m1", turnId: TURN, text: "t1.0 call", mode: "auto" },
        { conversationId: CONVERSATION, messageId: "m2", turnId: "never", text: "t1.1 say", mode: "auto" },
      ],
      refused: [{ text: "t1.2 say", code: "turn_in_progress" }],
      stopped: [],
      cancelled: ["m2"],
    },
    unrest: [],
    conversations: [
      { id: CONVERSATION, state: "idle", parentId: null },
      { id: BACKGROUND, state: "idle", parentId: CONVERSATION },
    ],
    messages,
    turns: [
      { id: TURN, conversationId: CONVERSATION, number: 1, status: "completed", text: "t1.0 call" },
      { id: CHILD_TURN, conversationId: BACKGROUND, number: 1, status: "completed", text: "t1.0.s1.c1 say" },
    ],
    executions: [
      { ...execution, id: CONVERSATION, parentId: null, mode: "root" },
      { ...execution, id: "sync", mode: "sync" },
      { ...execution, id: BACKGROUND, conversationId: BACKGROUND, mode: "async" },
    ],
    events: [
      first(event(on(1, 1), "turn.created"), "0-0"),
      first(event(on(2, 1), "turn.started", { attempt: 1 }), "1-1"),
      event(on(2, 2), "queue.updated", { action: "enqueue", messageId: "m2" }),
      event(on(2, 3), "queue.updated", { action: "cancel", messageId: "m2" }),
      event(on(2, 4), "step.completed", { step: 1, text: "", calls: CALLS }),
      event(on(2, 5), "tool.called", { step: 1, callId: "t1.0/1/0" }),
      event(on(2, 6), "child.created", child),
      event(on(2, 7), "tool.called", { step: 1, callId: "t1.0/1/1" }),
      event(on(2, 8), "child.created", sentOff),
      event(on(2, 9), "tool.returned", { step: 1, callId: "t1.0/1/1" }),
      first(event(on(3, 1), "attempt.superseded", { attempt: 1 }), "2-11"),
      event(on(3, 2), "turn.started", { attempt: 2 }),
      event(on(3, 4), "child.finished", { ...child, status: "completed", result: "t1.0.s1.c0/1#0 ", usage: USED }),
      event(on(3, 5), "tool.returned", { step: 1, callId: "t1.0/1/0" }),
      event(on(3, 6), "child.finished", { ...sentOff, status: "completed", result: "t1.0.s1.c1/1#0 ", usage: USED }),
      event(on(3, 7), "turn.completed", { result: "t1.0/2#0 ", usage: USED }),
      first(event(off(1, 1), "turn.created"), "0-0"),
      first(event(off(3, 1), "turn.started", { attempt: 1 }), "1-1"),
      event(off(3, 2), "turn.completed", { result: "t1.0.s1.c1/1#0 ", usage: USED }),
    ],
    usage: [
      { turnId: TURN, executionId: CONVERSATION, attempt: 1, step: 1, try: 0, inputTokens: STARTED_MS, outputTokens: 2, estimated: false },
      { turnId: TURN, executionId: CONVERSATION, attempt: 2, step: 2, try: 0, inputTokens: 5, outputTokens: 5, estimated: true },
    ],
    calls: [
      call("t1.0/1", "", STARTED_MS),
      call("t1.0.s1.c0/1", "t1.0.s1.c0/1#0 ", STARTED_MS + 1),
      call("t1.0.s1.c1/1", "t1.0.s1.c1/1#0 ", STARTED_MS + 2),
      call("t1.0/2", "t1.0/2#0 ", STARTED_MS + 3),
    ],
    frozen: [],
    witnessed: new Map([[CONVERSATION, new Set(["2-10", "2-11", "3-3"])]]),
  };
}

type Damage = (facts: Facts) => unknown;

const find = <Item>(items: readonly Item[], fits: (item: Item) => boolean): Item => {
  const found = items.find(fits);
  if (found === undefined) throw new Error("The healthy trial has no such thing.");
  return found;
};
const ofType = (facts: Facts, type: EventType): EventRow => find(facts.events, (event) => event.type === type);
/** At the end of the conversation's last epoch. */
const append = (facts: Facts, event: EventRow): void =>
  void facts.events.splice(16, 0, { ...event, epoch: 3, n: 8, previous: null, atMs: STARTED_MS + 400 });
const drop = (facts: Facts, type: EventType): void => void facts.events.splice(facts.events.indexOf(ofType(facts, type)), 1);

test("a healthy trial has nothing wrong with it", () => {
  expect(checkFacts(healthy())).toEqual([]);
});

test.each<[string, string, Damage]>([
  ["something still waits", "atRest", (facts) => facts.unrest.push("conversation c rests ready")],
  ["an accepted message is gone", "messagesEnd", (facts) => facts.messages.shift()],
  [
    "an accepted message is there twice",
    "messagesEnd",
    (facts) => facts.messages.push({ ...find(facts.messages, ({ id }) => id === "m1"), id: "m4" }),
  ],
  [
    "a refused message was kept",
    "messagesEnd",
    (facts) => facts.messages.push({ ...find(facts.messages, ({ id }) => id === "m1"), text: "t1.2 say" }),
  ],
  ["a cancelled message was run", "messagesEnd", (facts) => append(facts, { ...ofType(facts, "turn.started"), turnId: "never" })],
  [
    "a cancelled message is done",
    "messagesEnd",
    (facts) =>
      Object.assign(
        find(facts.messages, ({ id }) => id === "m2"),
        { state: "done" },
      ),
  ],
  ["a message is cancelled without a word", "messagesEnd", (facts) => facts.events.splice(3, 1)],
  [
    "a message still runs",
    "messagesEnd",
    (facts) =>
      Object.assign(
        find(facts.messages, ({ id }) => id === "m1"),
        { state: "running" },
      ),
  ],
  ["a turn has two ends", "turnsEndOnce", (facts) => append(facts, ofType(facts, "turn.completed"))],
  ["a turn has no end", "turnsEndOnce", (facts) => drop(facts, "turn.completed")],
  [
    "a turn's row says another end",
    "turnsEndOnce",
    (facts) =>
      Object.assign(
        find(facts.turns, ({ id }) => id === TURN),
        { status: "stopped" },
      ),
  ],
  ["a turn goes on after its end", "turnsEndOnce", (facts) => append(facts, ofType(facts, "attempt.superseded"))],
  ["a turn is tried again without a word", "turnsEndOnce", (facts) => drop(facts, "attempt.superseded")],
  ["an attempt is skipped", "turnsEndOnce", (facts) => Object.assign(ofType(facts, "turn.started"), { data: { attempt: 2 } })],
  ["a turn of no row is in the log", "turnsEndOnce", (facts) => facts.turns.pop()],
  [
    "an old epoch writes after a newer one",
    "cursorsGrow",
    (facts) => Object.assign(ofType(facts, "step.completed"), { atMs: STARTED_MS + 350 }),
  ],
  ["a place in the log was skipped", "cursorsGrow", (facts) => (facts.witnessed.get(CONVERSATION) as Set<string>).delete("3-3")],
  ["a place in the log was given out twice", "cursorsGrow", (facts) => (facts.witnessed.get(CONVERSATION) as Set<string>).add("3-4")],
  ["an epoch follows another head", "cursorsGrow", (facts) => Object.assign(ofType(facts, "attempt.superseded"), { previous: "2-8" })],
  ["a step has two responses", "stepsOnce", (facts) => append(facts, ofType(facts, "step.completed"))],
  ["a call is made twice", "stepsOnce", (facts) => append(facts, ofType(facts, "tool.called"))],
  ["a call returns twice", "stepsOnce", (facts) => append(facts, ofType(facts, "tool.returned"))],
  ["a call of a completed turn has no result", "stepsOnce", (facts) => drop(facts, "tool.returned")],
  [
    "the model is asked again for what is known",
    "modelAskedOnce",
    (facts) => facts.calls.push({ ...find(facts.calls, ({ key }) => key === "t1.0/1"), atMs: STARTED_MS + 5_000 }),
  ],
  ["an answer lacks a token", "answersWhole", (facts) => Object.assign(ofType(facts, "turn.completed"), { data: { result: "t1.0/2#" } })],
  [
    "an answer was never wholly sent",
    "answersWhole",
    (facts) =>
      Object.assign(
        find(facts.calls, ({ key }) => key === "t1.0/2"),
        { isWhole: false },
      ),
  ],
  [
    "a turn has another's answer",
    "answersWhole",
    (facts) => Object.assign(ofType(facts, "turn.completed"), { data: { result: "t1.0.s1.c1/1#0 " } }),
  ],
  [
    "a stopped turn has words that nobody said",
    "answersWhole",
    (facts) => append(facts, { ...ofType(facts, "turn.completed"), type: "turn.stopped", data: { result: "t1.0/2#1" } }),
  ],
  ["a child's end is told twice", "childrenEnd", (facts) => append(facts, ofType(facts, "child.finished"))],
  ["a child's end is not told", "childrenEnd", (facts) => drop(facts, "child.finished")],
  [
    "a child still runs",
    "childrenEnd",
    (facts) =>
      Object.assign(
        find(facts.executions, ({ id }) => id === "sync"),
        { status: "executing" },
      ),
  ],
  ["a stopped turn was completed", "stopsHold", (facts) => facts.ledger.stopped.push({ turnId: TURN, atMs: STARTED_MS })],
  [
    "a stopped turn's background child went on",
    "stopsHold: child",
    (facts) => {
      facts.ledger.stopped.push({ turnId: TURN, atMs: STARTED_MS });
      Object.assign(ofType(facts, "turn.completed"), { type: "turn.stopped" });
    },
  ],
  ["a step was not metered", "usageOnce", (facts) => facts.usage.shift()],
  ["an answer was metered twice", "usageOnce", (facts) => facts.usage.push({ ...find(facts.usage, ({ step }) => step === 1), attempt: 2 })],
])("it is seen when %s", (_, told, damage) => {
  const facts = healthy();
  damage(facts);
  expect(checkFacts(facts).join("\n")).toContain(told);
});

test("what a process was about to do when it was frozen is the one repetition that is let pass", () => {
  const facts = healthy();
  facts.calls.push({ ...find(facts.calls, ({ key }) => key === "t1.0/1"), atMs: STARTED_MS + 5_000 });
  facts.frozen.push({ fromMs: STARTED_MS, toMs: STARTED_MS + 4_900 });
  expect(checkFacts(facts)).toEqual([]);
});
