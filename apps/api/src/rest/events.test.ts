import { type LogEvent, NO_USAGE } from "@parley/contracts";
import { expect, test } from "vitest";
import { streamState, translate, type WireEvent } from "./events.ts";
import { fact, ROOT_ID, root } from "./testing/facts.ts";

const usage = { ...NO_USAGE, inputTokens: 5, outputTokens: 7 };

function tell(...events: LogEvent[]): WireEvent[] {
  const state = streamState(root());
  return events.flatMap((event) => translate(state, event));
}

const created = fact(1, "turn.created", {
  messageId: "m",
  turnId: "turn-1",
  input: { text: "Hello", files: [] },
  user: null,
  options: {},
  mode: "auto",
});
const started = fact(2, "turn.started", { turnNumber: 1, attempt: 1, agentVersion: 1 });
const completed = fact(9, "turn.completed", { turnNumber: 1, result: "Hi", usage, more: false });
const born = fact(3, "child.created", { childId: "k", agentId: "b", agentVersion: 4, agentName: "Joker", mode: "async", query: "A joke" });
const finished = fact(4, "child.finished", {
  childId: "k",
  agentId: "b",
  mode: "async",
  status: "completed",
  result: "Ha",
  reason: null,
  usage,
});

test("a turn is told in the contract's order", () => {
  const events = tell(created, started, fact(3, "turn.delta", { step: 0, offset: 0, text: "Hi" }), completed);
  expect(events.map(({ type }) => type)).toEqual([
    "task_created",
    "task_updated",
    "turn_started",
    "chunk",
    "task_finished",
    "turn_finished",
  ]);
  expect(events.find(({ type }) => type === "chunk")).toEqual({
    type: "chunk",
    task_id: ROOT_ID,
    organization_id: "organization",
    time: "2026-01-01T00:00:03.000Z",
    data: "Hi",
  });
  expect(events.find(({ type }) => type === "turn_started")?.data).toEqual({ turn_id: "turn-1", turn_number: 1, attempt: 1 });
});

test("task events carry whole rows that follow the turn", () => {
  const rows = tell(created, started, completed).filter(({ type }) => type.startsWith("task_"));
  expect(rows.map(({ data }) => data)).toMatchObject([
    { id: ROOT_ID, status: "pending", input: { text: "Hello" }, tokens: null, is_gateway: true, user_tokens: null },
    { id: ROOT_ID, status: "executing", started_at: started.at },
    { id: ROOT_ID, status: "completed", result: "Hi", finished_at: completed.at, duration: 7, tokens: { total_tokens: 12 } },
  ]);
});

test("a failed turn says its reason in the row's result", () => {
  const failed = fact(3, "turn.failed", {
    turnNumber: 1,
    status: "failed",
    reason: "steps_exhausted",
    text: "Too many steps.",
    result: null,
    usage,
    more: false,
  });
  const [row, turn] = tell(created, failed);
  expect([row?.type, turn?.type]).toEqual(["task_created", "task_finished"]);
  expect(turn?.data).toMatchObject({ status: "failed", result: "steps_exhausted" });
});

test("a child's rows are born, and finished with what was known at birth", () => {
  const events = tell(born, finished);
  expect(events.map(({ type, task_id }) => [type, task_id])).toEqual([
    ["sub_agent_trigger", ROOT_ID],
    ["sub_task_created", "k"],
    ["sub_task_finished", "k"],
  ]);
  expect(events[2]?.data).toMatchObject({
    id: "k",
    agent_id: "b",
    agent_version: "4",
    parent_execution: ROOT_ID,
    is_background: true,
    input: { text: "A joke" },
    status: "completed",
    result: "Ha",
    created_at: born.at,
    finished_at: finished.at,
  });
});

test("a child that was born before the stream still finishes with its result", () => {
  expect(tell(finished)[0]).toMatchObject({
    type: "sub_task_finished",
    data: { id: "k", status: "completed", result: "Ha", parent_execution: ROOT_ID },
  });
});

test("a forwarded child's text and calls bear the child's id and end no turn", () => {
  const inChild = { executionId: "k" };
  const events = tell(
    fact(1, "turn.started", { turnNumber: 1, attempt: 1, agentVersion: 1 }, inChild),
    fact(2, "turn.delta", { step: 0, offset: 0, text: "Ha" }, inChild),
    fact(3, "tool.called", { step: 0, callId: "c", tool: "look", arguments: { a: 1 } }, inChild),
    fact(4, "tool.returned", { step: 0, callId: "c", tool: "look", result: "found", isError: false }, inChild),
    fact(5, "turn.completed", { turnNumber: 1, result: "Ha", usage, more: false }, inChild),
  );
  expect(events.map(({ type, task_id }) => `${type} ${task_id}`)).toEqual(["chunk k", "tool_call_request k", "tool_call_result k"]);
  expect(events[1]?.data).toMatchObject({ request_id: "c", operation_id: "look", tool_name: "look", payload: { a: 1 } });
  expect(events[2]?.data).toMatchObject({ request_id: "c", result: "found", is_error: false });
});

test("an attempt that takes over says from where the reader discards, and a snapshot says what is kept", () => {
  const superseded = fact(4, "attempt.superseded", { attempt: 1, nextAttempt: 2, discardFrom: started.cursor, reason: "lease_lost" });
  const snapshot = fact(5, "turn.snapshot", { texts: [{ executionId: ROOT_ID, step: 1, text: "So far" }] });
  expect(tell(superseded, snapshot).map(({ type, data }) => ({ type, data }))).toEqual([
    {
      type: "attempt_superseded",
      data: { turn_id: "turn-1", attempt: 1, next_attempt: 2, discard_from: started.cursor, reason: "lease_lost" },
    },
    { type: "snapshot", data: { turn_id: "turn-1", texts: [{ task_id: ROOT_ID, step: 1, text: "So far" }] } },
  ]);
});

test("the queue's changes name the action and the depth", () => {
  expect(tell(fact(1, "queue.updated", { action: "drain", messageId: "m", queueDepth: 2 }))[0]).toMatchObject({
    type: "gateway_queue_updated",
    data: { conversation_id: ROOT_ID, last_action: "drain", message_id: "m", message_ids: ["m"], queue_depth: 2 },
  });
});

test("what this wire has no word for is told in its words: given up as cancelled, changed as put in line", () => {
  const expired = fact(1, "queue.updated", { action: "expire", messageId: null, messageIds: ["m", "n"], queueDepth: 3 });
  const edited = fact(2, "message.edited", { messageId: "o", input: { text: "New", files: [] } });
  const reordered = fact(3, "queue.updated", { action: "reorder", messageId: "o", queueDepth: 3 });
  expect(tell(expired, edited, reordered).map(({ type, data }) => [type, data])).toEqual([
    [
      "gateway_queue_updated",
      { conversation_id: ROOT_ID, last_action: "cancel", message_id: null, message_ids: ["m", "n"], queue_depth: 3 },
    ],
    ["gateway_queue_updated", { conversation_id: ROOT_ID, last_action: "enqueue", message_id: "o", message_ids: ["o"], queue_depth: 3 }],
    ["gateway_queue_updated", { conversation_id: ROOT_ID, last_action: "reorder", message_id: "o", message_ids: ["o"], queue_depth: 3 }],
  ]);
});

test("a steer says whether it was taken or came too late, and an edit what it cut off", () => {
  const applied = fact(1, "steer.applied", { messageId: "m", step: 2, text: "Shorter", files: [] });
  const deferred = fact(2, "steer.deferred", { messageId: "n", queueDepth: 1 });
  const edited = fact(3, "conversation.edited", { messageId: "a", newMessageId: "b", branch: 1, fromTurn: 2 });
  expect(tell(applied, deferred, edited).map(({ type, data }) => [type, data])).toEqual([
    ["steer_applied", { message_id: "m", turn_id: "turn-1", step: 2, text: "Shorter", files: [] }],
    ["steer_deferred", { message_id: "n", turn_id: "turn-1", queue_depth: 1 }],
    ["conversation_edited", { message_id: "a", new_message_id: "b", branch: 1, from_turn: 2 }],
  ]);
});

const question = { id: "q", text: "Which?", multiSelect: false, allowFreeText: true, required: true, options: [] };
const asked = fact(2, "card.opened", { cardId: "d", expiresAt: null, kind: "questions", questions: [question] });

test("a card and a pause are told, and the row is paused", () => {
  const events = tell(created, asked, fact(3, "turn.paused", { cardIds: ["d"] }));
  expect(events[1]).toMatchObject({
    type: "ask_user_questions",
    data: { id: "d", status: "pending", outcome: null, expires_at: null, questions: [{ id: "q", multi_select: false }] },
  });
  expect(events[2]).toMatchObject({ type: "task_updated", data: { status: "paused", paused_at: "2026-01-01T00:00:03.000Z" } });
});

test("a call to approve is told with what a decision is bound to, under the id of whoever asks", () => {
  const approval = { tool: "send", arguments: { to: "all" }, argumentsHash: "abc", agentId: "b" };
  const card = { cardId: "d", expiresAt: "2026-01-02T00:00:00.000Z", kind: "approval", approval } as const;
  expect(tell(fact(2, "card.opened", card, { executionId: "k" }))[0]).toMatchObject({
    type: "approval_requested",
    task_id: "k",
    data: {
      id: "d",
      kind: "approval",
      status: "pending",
      tool_name: "send",
      payload: { to: "all" },
      arguments_hash: "abc",
      expires_at: card.expiresAt,
    },
  });
});

test("a closed card says its outcome, by whom, and what was said", () => {
  const answers = [{ questionId: "q", selectedOptionIds: [], freeText: "This" }];
  const closed = [
    fact(1, "card.closed", { cardId: "d", outcome: "answered", answer: { answers }, by: "key_1" }),
    fact(2, "card.closed", { cardId: "e", outcome: "denied", answer: { comment: "No" }, by: "key_1" }),
    fact(3, "card.closed", { cardId: "f", outcome: "expired" }),
  ];
  expect(tell(...closed).map(({ type, data }) => [type, data])).toEqual([
    [
      "decision_closed",
      {
        ...{ decision_id: "d", outcome: "answered", comment: null, decided_by: "key_1" },
        answers: [{ question_id: "q", selected_option_ids: [], free_text: "This" }],
      },
    ],
    ["decision_closed", { decision_id: "e", outcome: "denied", answers: null, comment: "No", decided_by: "key_1" }],
    ["decision_closed", { decision_id: "f", outcome: "expired", answers: null, comment: null, decided_by: null }],
  ]);
});

test("a turn that goes on after a decision is not told to begin again; one whose attempt was lost is, to whoever reads", () => {
  const again = (n: number) => fact(n, "turn.started", { turnNumber: 1, attempt: 2, agentVersion: 1 });
  const resumed = [asked, fact(3, "turn.paused", { cardIds: ["d"] }), fact(4, "turn.resumed", { cardId: "d" }), again(1)];
  const told = tell(created, started, ...resumed);
  expect(told.map(({ type }) => type).slice(3)).toEqual(["ask_user_questions", "task_updated", "task_updated", "task_updated"]);
  expect(told.at(-1)?.data).toMatchObject({ status: "executing" });
  const lost = fact(1, "attempt.superseded", { attempt: 1, nextAttempt: 2, discardFrom: started.cursor, reason: "lease_lost" });
  for (const seen of [[created, started, lost], []])
    expect(tell(...seen, again(2)).at(-1)).toMatchObject({ type: "turn_started", data: { attempt: 2 } });
});

test("a background child that waits for a person is told with its row and what it waits for", () => {
  expect(tell(born, fact(4, "child.paused", { childId: "k", agentId: "b", cardIds: ["d"] })).at(-1)).toMatchObject({
    type: "sub_task_paused",
    task_id: "k",
    data: { id: "k", agent_id: "b", status: "paused", input: { text: "A joke" }, cards: ["d"] },
  });
});

test("a summary of old turns is told, with how far it reaches", () => {
  const [compacted] = tell(fact(3, "conversation.compacted", { throughTurn: 16, level: 1 }));
  expect(compacted).toMatchObject({ type: "task_compactization", data: { type: "summarization", data: { through_turn: 16, level: 1 } } });
});

test("retries and other models are told, a finished step is not told twice", () => {
  const types = tell(
    fact(1, "model.retried", { model: "a/b", retry: 1, delayMs: 200, error: "503" }),
    fact(2, "model.fell_back", { from: "a/b", to: "c/d", error: "503" }),
    fact(3, "step.completed", { step: 0, text: "Hi", calls: [], model: "c/d", finishReason: "stop" }),
  ).map(({ type }) => type);
  expect(types).toEqual(["model_retried", "model_fell_back"]);
});
