import { describe, expect, it } from "vitest";
import type { Cursor } from "./cursor.ts";
import type { EventData, EventType, LogEvent } from "./events.ts";
import { NO_USAGE } from "./execution.ts";
import { type FoldedText, foldText, NO_TEXT } from "./fold-text.ts";

const ROOT = "root";
const CHILD = "child";

const event = <Type extends EventType>(type: Type, data: EventData[Type], executionId = ROOT): LogEvent =>
  ({ cursor: "1-1" as Cursor, type, executionId, turnId: "turn", at: "", data }) as unknown as LogEvent;
const delta = (text: string, offset: number, step = 1, executionId = ROOT) => event("turn.delta", { step, offset, text }, executionId);
const superseded = (reason: EventData["attempt.superseded"]["reason"], executionId = ROOT) =>
  event("attempt.superseded", { attempt: 1, nextAttempt: 2, discardFrom: "1-2" as Cursor, reason }, executionId);
const fold = (events: LogEvent[], from: FoldedText = NO_TEXT) => events.reduce(foldText, from);
const texts = (state: FoldedText) => Object.fromEntries(Object.entries(state.open).map(([id, open]) => [id, open.text]));

describe("foldText", () => {
  it("joins each execution's pieces by their offset, and a repeated piece changes nothing", () => {
    const pieces = [delta("He", 0), delta("a", 0, 1, CHILD), delta("llo", 2)];
    expect(texts(fold(pieces))).toEqual({ root: "Hello", child: "a" });
    expect(fold([...pieces, delta("llo", 2)])).toEqual(fold(pieces));
  });

  it("leaves out a piece whose beginning was never seen", () => {
    expect(texts(fold([delta("llo", 2)]))).toEqual({});
    expect(texts(fold([delta("He", 0), delta("!", 5)]))).toEqual({ root: "He" });
  });

  it("begins anew with the next step, and a completed step is no open text any more", () => {
    expect(texts(fold([delta("one", 0), delta("two", 0, 2)]))).toEqual({ root: "two" });
    const completed = event("step.completed", { step: 1, text: "one", calls: [], model: "m", finishReason: "tool_calls" });
    expect(texts(fold([delta("one", 0), delta("c", 0, 1, CHILD), completed]))).toEqual({ child: "c" });
  });

  it("takes a snapshot for the whole, and goes on after it", () => {
    const snapshot = event("turn.snapshot", { texts: [{ executionId: ROOT, step: 1, text: "Hello" }] });
    expect(texts(fold([delta("x", 0, 1, CHILD), delta("He", 0), snapshot, delta(" you", 5)]))).toEqual({ root: "Hello you" });
  });

  it("drops everything when a worker was superseded, but one execution's text when only its model broke off", () => {
    const before = [delta("root", 0), delta("child", 0, 1, CHILD)];
    expect(texts(fold([...before, superseded("lease_lost")]))).toEqual({});
    expect(texts(fold([...before, superseded("shutdown")]))).toEqual({});
    expect(texts(fold([...before, superseded("upstream", CHILD)]))).toEqual({ root: "root" });
    expect(texts(fold([...before, event("turn.started", { turnNumber: 2, attempt: 1, agentVersion: 1 })]))).toEqual({});
  });

  it("drops a child's text with its end", () => {
    const data = {
      childId: CHILD,
      agentId: "a",
      mode: "sync",
      status: "completed",
      result: "child",
      reason: null,
      usage: NO_USAGE,
    } as const;
    expect(texts(fold([delta("child", 0, 1, CHILD), event("child.finished", data)]))).toEqual({});
  });

  it("ends with the turn's result as the answer, until the next turn starts", () => {
    const end = { turnNumber: 1, usage: NO_USAGE, more: false };
    expect(fold([delta("ans", 0), event("turn.completed", { ...end, result: "answer" })])).toEqual({ open: {}, answer: "answer" });
    expect(fold([delta("ans", 0), event("turn.stopped", { ...end, reason: "user_stop", result: "ans" })]).answer).toBe("ans");
    const failed = event("turn.failed", { ...end, status: "error", reason: "internal", text: "No.", result: null });
    expect(fold([delta("ans", 0), failed])).toEqual(NO_TEXT);
    expect(fold([event("turn.started", { turnNumber: 2, attempt: 1, agentVersion: 1 })], { open: {}, answer: "old" })).toEqual(NO_TEXT);
  });
});
