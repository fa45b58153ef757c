import { type Cursor, type EventData, type EventType, type LogEvent, NO_USAGE } from "@parley/contracts";
import { describe, expect, test } from "vitest";
import { turnEndDetector } from "./turn-end.ts";

const event = <Type extends EventType>(type: Type, data: EventData[Type], turnId: string | null = "t1") =>
  ({ cursor: "1-1" as Cursor, type, executionId: "c", turnId, at: "", data }) as LogEvent;
const ended = { turnNumber: 1, result: "", usage: NO_USAGE, more: true };
const started = { turnNumber: 1, attempt: 1, agentVersion: 1 };
const detector = () => turnEndDetector({ turnId: "t1", messageId: "m1" });

describe("a message's stream ends", () => {
  test("with its own turn's end or pause, not with another's", () => {
    const isLast = detector();
    expect(isLast(event("turn.completed", ended, "t0"))).toBe(false);
    expect(isLast(event("turn.started", started))).toBe(false);
    expect(isLast(event("turn.paused", { cardIds: ["card"] }))).toBe(true);
    expect(isLast(event("turn.completed", ended))).toBe(true);
  });

  test("when it is taken out of the queue, alone or with all others", () => {
    const queue = (action: "cancel" | "clear" | "enqueue", messageId: string | null) =>
      event("queue.updated", { action, messageId, queueDepth: 0 }, null);
    expect(detector()(queue("cancel", "m0"))).toBe(false);
    expect(detector()(queue("enqueue", "m1"))).toBe(false);
    expect(detector()(queue("cancel", "m1"))).toBe(true);
    expect(detector()(queue("clear", null))).toBe(true);
  });

  test("not with a queue that is cleared behind it", () => {
    const isLast = detector();
    isLast(event("turn.started", started));
    expect(isLast(event("queue.updated", { action: "clear", messageId: null, queueDepth: 0 }, null))).toBe(false);
  });
});
