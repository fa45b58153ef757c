import { type Cursor, type EventData, type EventType, type LogEvent, NO_USAGE } from "@parley/contracts";
import { describe, expect, test } from "vitest";
import { messageEnd, trackMessage } from "./track-message.ts";

const event = <Type extends EventType>(type: Type, data: EventData[Type], turnId: string | null = "t1", executionId = "c") =>
  ({ cursor: "1-1" as Cursor, type, executionId, turnId, at: "", data }) as LogEvent;
const over = { turnNumber: 1, result: "", usage: NO_USAGE, more: true };
const begins = { turnNumber: 1, attempt: 1, agentVersion: 1 };
const input = { text: "", files: [] };
const created = (turnId: string, merged?: EventData["turn.created"]["merged"]) =>
  event("turn.created", { messageId: "m0", turnId, input, user: null, options: {}, mode: "auto", ...(merged && { merged }) }, turnId);
const started = (turnId: string) => event("turn.started", begins, turnId);
const paused = (turnId: string) => event("turn.paused", { cardIds: ["card"] }, turnId);
const ended = (turnId: string) => event("turn.completed", over, turnId);
const queue = (data: Partial<EventData["queue.updated"]>, turnId: string | null = null) =>
  event("queue.updated", { action: "enqueue", messageId: null, queueDepth: 0, ...data }, turnId);

const tracker = () => trackMessage({ conversationId: "c", messageId: "m1", turnId: "t1" });
const standings = (...events: LogEvent[]) => events.map(tracker());

describe("a message", () => {
  test("runs with its own turn and ends with it or with its pause, not with another's", () => {
    expect(standings(started("t0"), ended("t0"), created("t1"), started("t1"), ended("t1"))).toEqual([
      "waits",
      "waits",
      "runs",
      "runs",
      "ended",
    ]);
    expect(standings(started("t1"), paused("t1"))).toEqual(["runs", "ended"]);
  });

  test("does not end with a child whose events are forwarded in its turn", () => {
    expect(standings(started("t1"), event("turn.completed", over, "t1", "child"))).toEqual(["runs", "runs"]);
  });

  test("that is merged into another goes with that one's turn", () => {
    const merging = created("t2", [{ messageId: "m1", turnId: "t1" }]);
    expect(standings(created("t0", [{ messageId: "m9", turnId: "t9" }]), ended("t0"), merging, ended("t2"))).toEqual([
      "waits",
      "waits",
      "runs",
      "ended",
    ]);
  });

  test("that steers ends with the turn that took it", () => {
    const applied = event("steer.applied", { messageId: "m1", step: 0, ...input }, "t0");
    const other = event("steer.applied", { messageId: "m2", step: 0, ...input }, "t0");
    expect(standings(started("t0"), other, applied, ended("t0"))).toEqual(["waits", "waits", "runs", "ended"]);
    expect(standings(applied, paused("t0"))).toEqual(["runs", "ended"]);
  });

  test("that came too late to steer follows its own later turn", () => {
    const deferred = event("steer.deferred", { messageId: "m1", queueDepth: 1 }, "t0");
    expect(standings(deferred, ended("t0"), created("t1"), ended("t1"))).toEqual(["waits", "waits", "runs", "ended"]);
  });

  test("leaves the queue when it is cancelled, or cleared or expired with others", () => {
    expect(standings(queue({ action: "cancel", messageId: "m0" }), queue({ action: "cancel", messageId: "m1" }))).toEqual([
      "waits",
      "left",
    ]);
    expect(standings(queue({ action: "clear", messageIds: ["m0"] }), queue({ action: "clear", messageIds: ["m0", "m1"] }))).toEqual([
      "waits",
      "left",
    ]);
    expect(standings(queue({ action: "expire", messageIds: ["m1"] }))).toEqual(["left"]);
  });

  test("stays where it is when it is put in line, popped, moved or changed", () => {
    const moved = queue({ action: "reorder", messageId: "m1" });
    const edited = event("message.edited", { messageId: "m1", input }, null);
    expect(standings(queue({ messageId: "m1" }), moved, edited, queue({ action: "drain", messageId: "m1" }, "t1"))).toEqual([
      "waits",
      "waits",
      "waits",
      "waits",
    ]);
  });

  test("that runs is not touched by what happens to the queue behind it", () => {
    expect(standings(started("t1"), queue({ action: "clear", messageIds: ["m2"] }, "t1"))).toEqual(["runs", "runs"]);
  });
});

test("a message's stream ends where it ends or leaves", () => {
  const isLast = messageEnd({ conversationId: "c", messageId: "m1", turnId: "t1" });
  expect([started("t1"), ended("t1")].map(isLast)).toEqual([false, true]);
  expect(messageEnd({ conversationId: "c", messageId: "m1", turnId: "t1" })(queue({ action: "cancel", messageId: "m1" }))).toBe(true);
});
