import type { EventData, EventType } from "@parley/contracts";
import { CREDIT_MICROS, PEER_MICROS } from "../arena/prices.ts";
import type { ChargeRow, EventRow, Facts, MessageRow, MoneyFacts } from "./facts.ts";

export const CONVERSATION = "conversation";
const BACKGROUND = "background";
export const TURN = "turn";
const CHILD_TURN = "child-turn";
export const STARTED_MS = 1_000_000;
const USED = { inputTokens: 1, outputTokens: 1, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };
const CALLS = ["helper", "background", "pay", "charge"].map((name, index) => ({ callId: `t1.0/1/${index}`, name, arguments: "{}" }));
const WAITED_FOR = { childId: "sync", agentId: "a", mode: "sync" as const };
const SENT_OFF = { childId: BACKGROUND, agentId: "a", mode: "async" as const };
const ANSWERS = { helper: "t1.0.s1.c0/1#0 ", background: "t1.0.s1.c1/1#0 ", root: "t1.3/1#0 " };

const PEER_CALL = "peer-call";
const ORDER = "t1.0.s1.c1/1/0";
const PEER_ENDED = {
  childId: PEER_CALL,
  agentId: "a",
  mode: "sync" as const,
  status: "completed" as const,
  result: `<x>${ORDER} plain</x>`,
  usage: USED,
};

interface Fact<Type extends EventType> {
  type: Type;
  data?: Partial<EventData[Type]>;
}
const fact = <Type extends EventType>(type: Type, data: Partial<EventData[Type]> = {}): Fact<Type> => ({ type, data });

/** Rows of one epoch, from `n` on; `null` stands for a delta. */
function epoch(conversationId: string, number: number, previous: string, facts: (Fact<EventType> | null)[]): EventRow[] {
  const turnId = conversationId === BACKGROUND ? CHILD_TURN : TURN;
  return facts.flatMap((one, index) => {
    if (one === null) return [];
    const n = index + 1;
    const place = { conversationId, epoch: number, n, previous: n === 1 ? previous : null, atMs: STARTED_MS + number * 100 + n };
    return [{ ...place, type: one.type, executionId: conversationId, turnId, data: one.data }];
  });
}

/** A tool's result is the order that it was given: the call's id. */
const returned = (callIndex: number, result = `t1.0/1/${callIndex}`): Fact<"tool.returned"> =>
  fact("tool.returned", { step: 1, callId: `t1.0/1/${callIndex}`, result, isError: false });

/**
 * Handed to three workers: the first is lost after it has sent one child off and charged; the second waits for the other child and for
 * an approval; the third pays, is told something more, and answers that. The child in the background has called a peer.
 */
const EVENTS = [
  ...epoch(CONVERSATION, 1, "0-0", [fact("turn.created")]),
  ...epoch(CONVERSATION, 2, "1-1", [
    fact("turn.started", { attempt: 1 }),
    fact("queue.updated", { action: "enqueue", messageId: "m2" }),
    fact("queue.updated", { action: "cancel", messageId: "m2" }),
    fact("step.completed", { step: 1, text: "", calls: CALLS }),
    ...CALLS.map(({ callId }) => fact("tool.called", { step: 1, callId })),
    fact("child.created", WAITED_FOR),
    fact("child.created", SENT_OFF),
    returned(1, "started"),
    returned(3),
    null,
    null,
  ]),
  ...epoch(CONVERSATION, 3, "2-14", [
    fact("attempt.superseded", { attempt: 1 }),
    fact("turn.started", { attempt: 2 }),
    null,
    fact("child.finished", { ...WAITED_FOR, status: "completed", result: ANSWERS.helper, usage: USED }),
    returned(0, ANSWERS.helper),
    fact("card.opened", { cardId: "card", kind: "approval", approval: { tool: "pay", arguments: { order: "t1.0/1/2" } } } as object),
    fact("turn.paused", { cardIds: ["card"] }),
  ]),
  ...epoch(CONVERSATION, 4, "3-7", [
    fact("card.closed", { cardId: "card", outcome: "approved" }),
    fact("turn.resumed", { cardId: "card" }),
    fact("child.finished", { ...SENT_OFF, status: "completed", result: ANSWERS.background, usage: USED }),
  ]),
  ...epoch(CONVERSATION, 5, "4-3", [
    fact("turn.started", { attempt: 3 }),
    returned(2),
    fact("steer.applied", { messageId: "m3", step: 1, text: "t1.3 say" }),
    fact("turn.completed", { result: ANSWERS.root, usage: USED }),
  ]),
  ...epoch(BACKGROUND, 1, "0-0", [fact("turn.created")]),
  ...epoch(BACKGROUND, 3, "1-1", [
    fact("turn.started", { attempt: 1 }),
    fact("child.created", { childId: PEER_CALL, agentId: "a", mode: "sync", peer: { callId: ORDER } as never }),
    fact("child.finished", { ...PEER_ENDED, report: { state: "completed", taskId: "task" } as never }),
    fact("turn.completed", { result: ANSWERS.background, usage: USED }),
  ]),
];

const message = (id: string, turnId: string, state: string, text: string): MessageRow => ({
  ...{ id, turnId, state, text },
  conversationId: turnId === CHILD_TURN ? BACKGROUND : CONVERSATION,
});
const accepted = ({ id, ...row }: MessageRow) => ({ ...row, messageId: id, mode: "auto" });
const asked = (key: string, text: string, afterMs: number) => ({
  ...{ key, text, chars: text.length, isWhole: true, atMs: STARTED_MS + afterMs },
  usage: { inputTokens: afterMs, outputTokens: 2 },
});
const used = (step: number, inputTokens: number, place: { turnId?: string; executionId?: string } = {}) => ({
  ...{ turnId: TURN, executionId: CONVERSATION, attempt: 1, step, try: 0, inputTokens, outputTokens: 2, estimated: false },
  ...place,
});

const USAGE = [used(1, 1), used(2, 4), used(1, 2, { executionId: "sync" }), used(1, 3, { turnId: CHILD_TURN, executionId: BACKGROUND })];
/** To the micro-unit, at the arena's prices. */
const COSTS = [23, 27, 24, 25];
const CHARGES = USAGE.map(
  ({ turnId, executionId, attempt, step, try: tried, ...tokens }, index): ChargeRow => ({
    sourceType: "turn",
    ...{ sourceId: [turnId, executionId, attempt, step, tried].join("/"), transactionId: "posted", payer: "customer" },
    ...{ amountMicros: COSTS[index] ?? 0, ...tokens },
  }),
);
const PEER_CHARGE: ChargeRow = {
  ...{ sourceType: "peer", sourceId: PEER_CALL, transactionId: "posted", payer: "customer", amountMicros: PEER_MICROS },
  ...{ inputTokens: 0, outputTokens: 0, estimated: false },
};
const EARNED = 99 + PEER_MICROS;
const GIVEN = { transactionId: "given", sourceType: "credits" };
const POSTED = { transactionId: "posted", sourceType: "usage" };
const BOOKS: MoneyFacts = {
  entries: [
    { ...GIVEN, account: "credits", amountMicros: -CREDIT_MICROS },
    { ...GIVEN, account: "customer", amountMicros: CREDIT_MICROS },
    { ...POSTED, account: "customer", amountMicros: -EARNED },
    { ...POSTED, account: "revenue", amountMicros: EARNED },
  ],
  balances: [
    { account: "credits", balanceMicros: -CREDIT_MICROS, heldMicros: 0 },
    { account: "customer", balanceMicros: CREDIT_MICROS - EARNED, heldMicros: 0 },
    { account: "revenue", balanceMicros: EARNED, heldMicros: 0 },
  ],
  holds: 0,
  charges: [...CHARGES, PEER_CHARGE],
};

/** A trial in which all went well; new at every call. */
export function healthyTrial(): Facts {
  const [first, second, third] = [
    message("m1", TURN, "done", "t1.0 call"),
    message("m2", "never", "cancelled", "t1.1 say"),
    message("m3", "neither", "done", "t1.3 say"),
  ] as const;
  return structuredClone({
    ledger: {
      accepted: [first, second, third].map(accepted),
      refused: [{ text: "t1.2 say", code: "turn_in_progress" }],
      stopped: [],
      decided: [{ cardId: "card", outcome: "approved" }],
      cancelled: ["m2"],
    },
    unrest: [],
    conversations: [
      { id: CONVERSATION, state: "idle", parentId: null },
      { id: BACKGROUND, state: "idle", parentId: CONVERSATION },
    ],
    messages: [first, second, third, message("m4", CHILD_TURN, "done", "t1.0.s1.c1 say")],
    turns: [
      { id: TURN, conversationId: CONVERSATION, number: 1, status: "completed", text: "t1.0 call" },
      { id: CHILD_TURN, conversationId: BACKGROUND, number: 1, status: "completed", text: "t1.0.s1.c1 say" },
    ],
    executions: [
      { id: CONVERSATION, conversationId: CONVERSATION, parentId: null, mode: "root", status: "completed" },
      { id: "sync", conversationId: CONVERSATION, parentId: CONVERSATION, mode: "sync", status: "completed" },
      { id: BACKGROUND, conversationId: BACKGROUND, parentId: CONVERSATION, mode: "async", status: "completed" },
      { id: PEER_CALL, conversationId: BACKGROUND, parentId: BACKGROUND, mode: "sync", status: "completed" },
    ],
    events: EVENTS,
    usage: USAGE,
    cards: [{ id: "card", conversationId: CONVERSATION, turnId: TURN, kind: "approval", status: "approved" }],
    calls: [
      asked("t1.0/1", "", 1),
      asked("t1.0.s1.c0/1", ANSWERS.helper, 2),
      asked("t1.0.s1.c1/1", ANSWERS.background, 3),
      asked("t1.3/1", ANSWERS.root, 4),
    ],
    toolCalls: [
      { key: "k3", path: "/charge", order: "t1.0/1/3", atMs: STARTED_MS + 205, hasActed: true },
      { key: "k2", path: "/pay", order: "t1.0/1/2", atMs: STARTED_MS + 501, hasActed: true },
    ],
    peers: {
      messages: [{ id: "message", taskId: null, order: ORDER, text: `${ORDER} plain` }],
      tasks: [{ id: "task", order: ORDER, text: `${ORDER} plain`, ends: [{ state: "completed", atMs: STARTED_MS + 300 }] }],
      cancelled: [],
      calls: [{ id: PEER_CALL, state: "ended", cancelOutcome: null }],
    },
    money: BOOKS,
    frozen: [],
    witnessed: new Map([[CONVERSATION, new Set(["2-13", "2-14", "3-3"])]]),
  });
}
