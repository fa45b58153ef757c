import { type CardResult, type Cursor, makeCursor, NO_USAGE, type RunState, type SubmitResult } from "@parley/contracts";
import { expect, test } from "vitest";
import { afterDecision, afterDrain, afterMessage, afterReturn } from "./stream-ends.ts";
import { fact, ROOT_ID } from "./testing/facts.ts";

const submitted: SubmitResult = {
  action: "queued",
  mode: "auto",
  askedMode: "auto",
  conversationId: ROOT_ID,
  messageId: "mine",
  turnId: "my-turn",
  position: 1,
  queueDepth: 1,
  cursor: "0-0",
  replayed: false,
};
const mine = { turnId: "my-turn" };
const input = { text: "", files: [] };
const born = (turnId: string) =>
  fact(3, "turn.created", { messageId: "m", turnId, input, user: null, options: {}, mode: "auto" }, { turnId });
const end = (turnId: string, more: boolean) => fact(4, "turn.completed", { turnNumber: 1, result: "", usage: NO_USAGE, more }, { turnId });
const stopped = (turnId: string) =>
  fact(4, "turn.stopped", { turnNumber: 1, reason: "user_stop", result: null, usage: NO_USAGE, more: false }, { turnId });
const queue = (action: "cancel" | "enqueue", messageId: string, queueDepth: number) =>
  fact(2, "queue.updated", { action, messageId, queueDepth });
const emptied = (action: "clear" | "expire", ...messageIds: string[]) =>
  fact(2, "queue.updated", { action, messageId: null, messageIds, queueDepth: 0 });
const paused = (turnId: string) => fact(5, "turn.paused", { cardIds: [] }, { turnId });

test("a message's stream outlives the turn ahead, however that ends, and ends with its own", () => {
  const ends = afterMessage(submitted);
  expect([end("ahead", true), stopped("ahead"), paused("ahead"), born("my-turn"), end("my-turn", false)].map(ends)).toEqual([
    false,
    false,
    false,
    false,
    true,
  ]);
});

test("a message's stream goes on with the queue behind it until nothing more runs", () => {
  const ends = afterMessage(submitted);
  expect([born("my-turn"), end("my-turn", true), born("next"), end("next", false)].map(ends)).toEqual([false, false, false, true]);
});

test("a message's stream ends when its turn pauses", () => {
  const ends = afterMessage(submitted);
  expect([born("my-turn"), paused("my-turn")].map(ends)).toEqual([false, true]);
});

test("a message that leaves the queue ends its stream, another one's leaving does not", () => {
  const ends = afterMessage(submitted);
  expect([queue("enqueue", "mine", 2), queue("cancel", "other", 1), queue("cancel", "mine", 0)].map(ends)).toEqual([false, false, true]);
  expect(afterMessage(submitted)(emptied("clear", "other", "mine"))).toBe(true);
  expect(afterMessage(submitted)(emptied("expire", "mine"))).toBe(true);
});

test("clearing the queue behind a running turn leaves its stream open", () => {
  const ends = afterMessage(submitted);
  expect([born("my-turn"), emptied("clear", "behind"), end("my-turn", false)].map(ends)).toEqual([false, false, true]);
});

test("a message that is merged into another, or steers a turn, goes with that turn to the queue's end", () => {
  const merging = {
    messageId: "m",
    turnId: "other",
    input,
    user: null,
    options: {},
    mode: "auto",
    merged: [{ messageId: "mine", turnId: "my-turn" }],
  } as const;
  const merged = afterMessage(submitted);
  expect(
    [
      end("ahead", true),
      fact(3, "turn.created", { ...merging, merged: [...merging.merged] }, { turnId: "other" }),
      end("other", false),
    ].map(merged),
  ).toEqual([false, false, true]);
  const applied = fact(3, "steer.applied", { messageId: "mine", step: 0, ...input }, { turnId: "ahead" });
  const steered = afterMessage(submitted);
  expect([applied, end("ahead", true), born("next"), end("next", false)].map(steered)).toEqual([false, false, false, true]);
});

test("a decision's stream goes on with its turn until the conversation rests, and ends at once where others still wait", () => {
  const closed = fact(2, "card.closed", { cardId: "card", outcome: "answered" });
  const decided = { conversationId: ROOT_ID, cardId: "card", turnId: "t", outcome: "answered" } as CardResult;
  const resumed = afterDecision({ ...decided, resumed: true });
  expect([closed, end("t", true), born("next"), end("next", false)].map(resumed)).toEqual([false, false, false, true]);
  expect([closed, paused("t")].map(afterDecision({ ...decided, resumed: true }))).toEqual([false, true]);
  const waiting = afterDecision({ ...decided, resumed: false });
  expect([fact(1, "card.closed", { cardId: "other", outcome: "answered" }), closed].map(waiting)).toEqual([false, true]);
});

test("a forwarded child's events end nothing", () => {
  const ends = afterMessage(submitted);
  ends(born("my-turn"));
  expect(
    ends(fact(4, "turn.completed", { turnNumber: 1, result: "", usage: NO_USAGE, more: false }, { ...mine, executionId: "child" })),
  ).toBe(false);
});

test("a drain's stream ends when the queue is emptied before a turn could run, and not while one runs", () => {
  expect(afterDrain(ROOT_ID, { running: false })(emptied("clear", "m"))).toBe(true);
  expect(afterDrain(ROOT_ID, { running: false })(emptied("expire", "m"))).toBe(true);
  const ends = afterDrain(ROOT_ID, { running: true });
  expect([emptied("clear", "m"), end("t", false)].map(ends)).toEqual([false, true]);
});

const at = (n: number): Cursor => makeCursor({ epoch: 1, n });
const runState = (state: RunState["state"], head: number): RunState => ({
  conversationId: ROOT_ID,
  agentId: "agent",
  state,
  held: false,
  status: "completed",
  turnId: null,
  turnNumber: 1,
  activeChildId: null,
  queueDepth: 0,
  queue: [],
  cardsOpen: 0,
  cards: [],
  steersWaiting: 0,
  cursor: at(head),
  version: 1,
  branch: 0,
});

test("a returning client of a resting conversation gets what it missed and no more", () => {
  expect(afterReturn(runState("idle", 5), at(5))).toBeNull();
  const ends = afterReturn(runState("idle", 3), at(1));
  expect([queue("enqueue", "m", 1), born("t")].map((event) => ends?.(event))).toEqual([false, true]);
});

test("a returning client of a running turn stays until the conversation rests", () => {
  const ends = afterReturn(runState("running", 3), at(3));
  expect([end("t", true), born("t2"), end("t2", false)].map((event) => ends?.(event))).toEqual([false, false, true]);
});
