import type { LogEvent } from "@parley/contracts";
import { NO_USAGE } from "@parley/contracts";
import { expect, test } from "vitest";
import { TaskFeed } from "./task-feed.ts";
import { a2aTask, eventAt, questionCard } from "./testing/a2a-task.ts";
import type { WireEvent } from "./wire.ts";

const completed = (n: number, result: string): LogEvent =>
  eventAt(n, "turn.completed", { turnNumber: 1, result, usage: NO_USAGE, more: false });
const delta = (n: number, offset: number, text: string, step = 0): LogEvent => eventAt(n, "turn.delta", { step, offset, text });

/** In short: `+text` is appended, `=text` replaces, `.` is the last piece; a state as it is called. */
function inShort(told: WireEvent): string {
  if ("statusUpdate" in told) return told.statusUpdate.status.state.replace("TASK_STATE_", "");
  if (!("artifactUpdate" in told)) return "task";
  const { artifact, append, lastChunk } = told.artifactUpdate;
  return `${append ? "+" : "="}${artifact.parts[0]?.text ?? ""}${lastChunk ? "." : ""}`;
}
const tell = (events: LogEvent[], task = a2aTask()): string[] => {
  const feed = new TaskFeed(task);
  return events.flatMap((event) => feed.take(event)).map(inShort);
};

test("the answer is appended as it comes, and its last piece says so", () => {
  expect(tell([delta(4, 0, "One "), delta(5, 4, "two"), completed(6, "One two")])).toEqual(["=One ", "+two", "+.", "COMPLETED"]);
});

test("what the snapshot's head has is folded and not told; what comes next is told with all before it", () => {
  expect(tell([delta(2, 0, "One "), delta(3, 4, "two "), delta(4, 8, "three"), completed(5, "One two three")])).toEqual([
    "=One two three",
    "+.",
    "COMPLETED",
  ]);
});

test("an answer of which nothing was heard comes whole, and none of nothing", () => {
  expect(tell([completed(4, "All")])).toEqual(["=All.", "COMPLETED"]);
  expect(tell([completed(4, "")])).toEqual(["COMPLETED"]);
});

test("what a step said that only led to calls gives way to what the next one says", () => {
  const step = eventAt(5, "step.completed", {
    step: 0,
    text: "I will look.",
    calls: [{ callId: "c", name: "look", arguments: "{}" }],
    model: "m",
    finishReason: "tool_calls",
  });
  expect(tell([delta(4, 0, "I will"), step, delta(6, 0, "Found", 1), completed(7, "Found it")])).toEqual([
    "=I will",
    "+ look.",
    "=Found",
    "+ it.",
    "COMPLETED",
  ]);
});

test("an attempt that takes over replaces what was said with what it says, also where that is less", () => {
  const superseded = eventAt(5, "attempt.superseded", { attempt: 1, nextAttempt: 2, discardFrom: "1-4" as never, reason: "lease_lost" });
  expect(tell([delta(4, 0, "Half of"), superseded, delta(6, 0, "Ha"), completed(7, "Ha ha")])).toEqual([
    "=Half of",
    "=Ha",
    "+ ha.",
    "COMPLETED",
  ]);
});

test("a piece behind a hole waits for the snapshot", () => {
  const snapshot = eventAt(5, "turn.snapshot", { texts: [{ executionId: "conversation", step: 0, text: "One two" }] });
  expect(tell([delta(4, 9, "lost"), snapshot])).toEqual(["=One two"]);
});

test("what children and other turns say is not the task's", () => {
  const others = [
    { ...delta(4, 0, "child"), executionId: "child" },
    { ...completed(5, "child's"), executionId: "child" },
    { ...delta(6, 0, "other"), turnId: "another" },
    { ...completed(7, "other's"), turnId: "another" },
    eventAt(8, "queue.updated", { action: "cancel", messageId: "another", queueDepth: 0 }),
    eventAt(9, "queue.updated", { action: "enqueue", messageId: "message", queueDepth: 1 }),
  ] as LogEvent[];
  expect(tell(others)).toEqual([]);
});

test("a question shows with its words and, for programs, as data; an answer makes the task work again", () => {
  const feed = new TaskFeed(a2aTask());
  const { questions } = questionCard("card", "open") as Extract<ReturnType<typeof questionCard>, { kind: "questions" }>;
  feed.take(eventAt(4, "card.opened", { cardId: "card", expiresAt: null, kind: "questions", questions }));
  const [asked] = feed.take(eventAt(5, "turn.paused", { cardIds: ["card"], attempt: 1 }));
  expect(asked).toMatchObject({
    statusUpdate: {
      taskId: "turn",
      contextId: "context",
      status: {
        state: "TASK_STATE_INPUT_REQUIRED",
        message: { role: "ROLE_AGENT", parts: [{ text: "Which one?" }, { data: { cardId: "card", kind: "questions" } }] },
      },
    },
  });
  expect(feed.state).toBe("input_required");
  expect(feed.take(eventAt(6, "turn.resumed", { cardId: "card", attempt: 1 })).map(inShort)).toEqual(["WORKING"]);
});

test.each([
  [
    "failed",
    eventAt(4, "turn.failed", {
      turnNumber: 1,
      status: "failed",
      reason: "timeout",
      text: "?",
      result: "so far",
      usage: NO_USAGE,
      more: false,
    }),
    ["=so far.", "FAILED"],
  ],
  ["stopped", eventAt(4, "turn.stopped", { turnNumber: 1, reason: "user_stop", result: null, usage: NO_USAGE, more: false }), ["CANCELED"]],
  [
    "taken out of the queue",
    eventAt(4, "queue.updated", { action: "clear", messageId: null, messageIds: ["message"], queueDepth: 0 }, { turnId: "another" }),
    ["CANCELED"],
  ],
])("a task that is %s ends, and nothing is told behind its end", (_how, event, told) => {
  expect(tell([event, delta(5, 0, "more"), completed(6, "more")])).toEqual(told);
});
