import type { EventType, LogEvent } from "@parley/contracts";
import { describe, expect, test } from "vitest";
import type { PlanFrame } from "./plan-frame.ts";
import { isSuperseded, PlanTeller } from "./plan-teller.ts";

const PLACE = { conversationId: "conversation", messageId: "message", turnId: "turn" };
const USAGE = { inputTokens: 1, outputTokens: 2, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };
const fact = (type: EventType, data: object) =>
  ({ type, data, executionId: PLACE.conversationId, turnId: PLACE.turnId }) as unknown as LogEvent;
const created = (options: object = {}) => fact("turn.created", { ...PLACE, options });
const started = fact("turn.started", { attempt: 1 });
const delta = (offset: number, text: string) => fact("turn.delta", { step: 1, offset, text });
const completed = (result: string) => fact("turn.completed", { result, usage: USAGE });
const superseded = fact("attempt.superseded", { attempt: 1, nextAttempt: 2, discardFrom: "1-1", reason: "lease_lost" });
const compacted = fact("history.compacted", { summary: "So far.", turns: 2, tokensBefore: 9, tokensAfter: 3 });

const names = (frames: PlanFrame[]) => frames.map(({ event }) => event);
const textOf = (frames: PlanFrame[]) => frames.map(({ data }) => ("delta" in data ? String(data.delta) : "")).join("");

describe("a reader that comes back", () => {
  test("gets what it has not, also where the pieces that it has are no longer kept", () => {
    const teller = new PlanTeller(PLACE);
    teller.take(created());
    teller.take(started);
    teller.resume({ step: 1, chars: 5 });
    const frames = teller.take(completed("Hello there"));
    expect([names(frames), textOf(frames)]).toEqual([["text.delta"], " there"]);
    expect(teller.end).toMatchObject({ stopReason: "stop", failure: null });
  });

  test("is not told again that the plan has begun, where the piece that told it is no longer kept", () => {
    const teller = new PlanTeller(PLACE);
    teller.take(created({ summaryKnownThrough: 0 }));
    teller.resume({ step: 1, chars: 2 });
    expect(names(teller.take(delta(2, "llo")))).toEqual([]);
  });
});

test("a piece behind a hole waits for the whole step", () => {
  const teller = new PlanTeller(PLACE);
  teller.take(created());
  expect(teller.take(delta(3, "lo"))).toEqual([]);
  const step = fact("step.completed", { step: 1, text: "Hello", calls: [], model: "m", finishReason: "tool_calls" });
  expect(textOf(teller.take(step))).toBe("Hello");
});

test("told text that no longer counts is refused, and what follows is another part; where nothing was told it is no loss", () => {
  const teller = new PlanTeller(PLACE);
  teller.take(created());
  expect(() => teller.take(superseded)).not.toThrow();
  const [first] = teller.take(delta(0, "Hel"));
  expect(() => teller.take(superseded)).toThrow(expect.toSatisfy(isSuperseded));
  const [second] = teller.take(delta(0, "Good"));
  expect(second?.data).toMatchObject({ delta: "Good" });
  expect((second?.data as { part_id: string }).part_id).not.toBe((first?.data as { part_id: string }).part_id);
});

test("a summary comes before the plan and is told once, however many attempts tell it", () => {
  const teller = new PlanTeller(PLACE);
  const all = [created({ summaryKnownThrough: 0 }), started, compacted, superseded, started, compacted, delta(0, "Hi"), completed("Hi")];
  expect(all.flatMap((event) => names(teller.take(event)))).toEqual(["compaction-summary", "plan", "text.delta"]);
});

test("a plan that was taken out of the queue says so", () => {
  const teller = new PlanTeller(PLACE);
  const gone = { ...fact("queue.updated", { action: "cancel", messageId: "message", queueDepth: 0 }), turnId: null };
  expect(teller.take(gone)).toEqual([]);
  expect(teller.end).toMatchObject({ stopReason: "error", failure: { code: "message_not_waiting", retryable: false } });
});

test.each([
  ["steps_exhausted", "tool-calls", null],
  ["answer_too_long", "length", null],
  ["model_unavailable", "error", { code: "model_unavailable", message: "It failed.", retryable: true }],
  ["timeout", "error", { code: "timeout", message: "plan deadline exceeded after 2000 ms", retryable: false }],
  ["budget", "error", { code: "budget", message: "It failed.", retryable: false }],
])("a plan that fails by %s is final with %s", (reason, stopReason, failure) => {
  const teller = new PlanTeller(PLACE);
  teller.take(created({ timeoutMs: 2_000 }));
  teller.take(fact("turn.failed", { reason, text: "It failed.", usage: USAGE }));
  expect(teller.end).toEqual({ stopReason, usage: USAGE, failure });
});
