import { type LogEvent, NO_USAGE } from "@parley/contracts";
import { expect, test } from "vitest";
import { fact, root } from "../rest/testing/facts.ts";
import { foldExecution } from "./fold-execution.ts";

const usage = { ...NO_USAGE, inputTokens: 5, outputTokens: 7 };
const created = fact(1, "turn.created", {
  messageId: "m",
  turnId: "turn-1",
  input: { text: "Hello", files: [] },
  user: { email: "a@example.org" },
  options: { title: "Greeting" },
  mode: "auto",
});
const started = fact(2, "turn.started", { turnNumber: 3, attempt: 1, agentVersion: 9 });

const fold = (...events: LogEvent[]) => events.reduce(foldExecution, root());

test("a new turn makes the row pending with its own input and without the last turn's outcome", () => {
  const before = root({ status: "completed", result: "old", finishedAt: "2026-01-01T00:00:00.000Z", usage, stoppedByUser: true });
  const after = foldExecution(before, created);
  expect(after).toMatchObject({
    status: "pending",
    turnId: "turn-1",
    input: { text: "Hello" },
    user: { email: "a@example.org" },
    title: "Greeting",
  });
  expect(after).toMatchObject({ result: null, finishedAt: null, startedAt: null, usage: NO_USAGE, stoppedByUser: false });
  expect(before.result).toBe("old");
});

test("a turn that was queued counts on from the one before, and is not counted twice", () => {
  const before = root({ turnId: "turn-0", turnNumber: 2 });
  expect(foldExecution(before, created).turnNumber).toBe(3);
  expect(foldExecution(foldExecution(before, created), created).turnNumber).toBe(3);
});

test("a turn runs from its first attempt's start, whatever attempts follow", () => {
  const superseded = fact(3, "attempt.superseded", { attempt: 1, nextAttempt: 2, discardFrom: started.cursor, reason: "lease_lost" });
  const again = fact(4, "turn.started", { turnNumber: 3, attempt: 2, agentVersion: 9 });
  expect(fold(created, started, superseded, again)).toMatchObject({
    status: "executing",
    startedAt: started.at,
    attempt: 2,
    turnNumber: 3,
    agentVersion: 9,
  });
});

test("a fact of a turn's middle, told again after its end, does not tell the end", () => {
  const over = root({ status: "completed", turnId: "turn-1", result: "Hi", finishedAt: "2026-01-01T00:00:00.000Z", usage });
  const underWay = { result: null, finishedAt: null, usage: NO_USAGE };
  expect(foldExecution(over, started)).toMatchObject({ ...underWay, status: "executing" });
  expect(foldExecution(over, fact(3, "turn.paused", { cardIds: [] }))).toMatchObject({ ...underWay, status: "paused" });
});

test.each([
  [
    "turn.completed",
    fact(5, "turn.completed", { turnNumber: 3, result: "Hi", usage, more: false }),
    { status: "completed", result: "Hi", reason: null },
  ],
  [
    "turn.failed",
    fact(5, "turn.failed", {
      turnNumber: 3,
      status: "error",
      reason: "model_unavailable",
      text: "Sorry",
      result: null,
      usage,
      more: false,
    }),
    { status: "error", result: null, reason: "model_unavailable" },
  ],
  [
    "turn.stopped by its user",
    fact(5, "turn.stopped", { turnNumber: 3, reason: "user_stop", result: "Half", usage, more: false }),
    { status: "stopped", result: "Half", stoppedByUser: true },
  ],
  [
    "turn.stopped for another turn",
    fact(5, "turn.stopped", { turnNumber: 3, reason: "superseded", result: null, usage, more: true }),
    { status: "stopped", stoppedByUser: false },
  ],
])("%s leaves the row terminal with result, usage and time", (_name, end, outcome) => {
  expect(fold(created, started, end)).toMatchObject({ ...outcome, usage, finishedAt: end.at, updatedAt: end.at });
});

test("a pause and its answer change the status only", () => {
  const paused = fold(created, started, fact(3, "turn.paused", { cardIds: ["c"] }));
  expect(paused.status).toBe("paused");
  expect(foldExecution(paused, fact(4, "turn.resumed", { cardId: "c" }))).toMatchObject({ status: "executing", turnId: "turn-1" });
});

test("a pause of the past has the attempt that asked, whatever attempt the row is of by now", () => {
  const later = { ...fold(created, started), attempt: 4 };
  const paused = foldExecution(later, fact(3, "turn.paused", { cardIds: ["c"], attempt: 1 }));
  expect(paused.attempt).toBe(1);
  expect(foldExecution({ ...later, status: "paused" }, fact(4, "turn.resumed", { cardId: "c", attempt: 1 })).attempt).toBe(1);
});

test("children are listed once when born and once when finished, however often it is told", () => {
  const born = fact(3, "child.created", { childId: "k", agentId: "b", agentVersion: 1, agentName: "B", mode: "sync", query: "?" });
  const done = fact(4, "child.finished", {
    childId: "k",
    agentId: "b",
    mode: "sync",
    status: "completed",
    result: "!",
    reason: null,
    usage,
  });
  expect(fold(born, born, done, done)).toMatchObject({ childIds: ["k"], finishedChildIds: ["k"] });
});

test("what happens in a child leaves the root's row alone", () => {
  const before = root();
  const inChild = fact(
    3,
    "child.created",
    { childId: "k2", agentId: "b", agentVersion: 1, agentName: "B", mode: "sync", query: "?" },
    { executionId: "k" },
  );
  expect(foldExecution(before, inChild)).toBe(before);
});
