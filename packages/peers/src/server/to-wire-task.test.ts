import { expect, test } from "vitest";
import { legacyTask } from "./legacy.ts";
import { legacyRestTask } from "./legacy-rest.ts";
import { a2aTask, questionCard } from "./testing/a2a-task.ts";
import { eventOfFact, taskOfFact } from "./to-wire-fact.ts";
import { toWireTask } from "./to-wire-task.ts";

const said = (at: string, messageId: string) => ({
  at: `2026-01-01T00:00:0${at}.000Z`,
  message: { messageId, parts: [{ text: messageId }] },
});
const talked = a2aTask({ said: [said("0", "m-1"), said("3", "m-2")], cards: [questionCard("card", "answered")] });

test("the history is in order, with questions between the messages, and holds as many of the newest as are wanted", () => {
  const ids = (historyLength?: number) => toWireTask(talked, { historyLength }).history?.map(({ messageId }) => messageId);
  expect(ids()).toEqual(["m-1", "card", "m-2"]);
  expect(ids(2)).toEqual(["card", "m-2"]);
  expect(ids(9)).toEqual(["m-1", "card", "m-2"]);
  expect(ids(0)).toBeUndefined();
});

test("what is asked now stands in the status and not in the history", () => {
  const task = toWireTask(a2aTask({ state: "input_required", cards: [questionCard("card", "open")] }));
  expect(task.status.message?.parts[0]).toEqual({ text: "Which one?" });
  expect(task.history?.map(({ messageId }) => messageId)).toEqual(["m-1"]);
});

test("an answer is an artifact once the task has ended, and a member only where artifacts are wanted", () => {
  const ended = a2aTask({ state: "completed", result: "All" });
  expect(toWireTask(ended).artifacts).toEqual([{ artifactId: "answer", name: "answer", parts: [{ text: "All" }] }]);
  expect(toWireTask({ ...ended, state: "working" }).artifacts).toEqual([]);
  expect(toWireTask(ended, { artifacts: false })).not.toHaveProperty("artifacts");
});

test("why a task ended otherwise is said in words, and never in the error's own", () => {
  expect(toWireTask(a2aTask({ state: "failed", reason: "timeout" })).status.message?.parts).toEqual([{ text: "The task took too long." }]);
  expect(toWireTask(a2aTask({ state: "failed", reason: "internal" })).status.message?.parts).toEqual([
    { text: "Something went wrong on our side." },
  ]);
});

test("version 0.3 has kinds and small letters, and its HTTP+JSON the names of protobuf, with two l's", () => {
  const task = toWireTask(a2aTask({ state: "input_required", cards: [questionCard("card", "open")] }));
  expect(legacyTask(task)).toMatchObject({
    kind: "task",
    status: { state: "input-required", message: { kind: "message", role: "agent", parts: [{ kind: "text" }, { kind: "data" }] } },
    history: [{ kind: "message", role: "user", parts: [{ kind: "text", text: "Hello" }] }],
  });
  const rest = legacyRestTask(toWireTask(a2aTask({ state: "canceled" })));
  expect(rest).toMatchObject({ status: { state: "TASK_STATE_CANCELLED" }, history: [{ role: "ROLE_USER", content: [{ text: "Hello" }] }] });
});

test("a fact is told as it was then, whatever has come since", () => {
  const since = a2aTask({ state: "completed", result: "All", cards: [questionCard("card", "answered")] });
  const at = "2026-01-01T00:00:02.000Z";
  expect(eventOfFact(since, { kind: "task", state: "submitted", at })).toMatchObject({
    task: { status: { state: "TASK_STATE_SUBMITTED", timestamp: at }, artifacts: [] },
  });
  expect(eventOfFact(since, { kind: "status", state: "input_required", at, cardIds: ["card"] })).toMatchObject({
    statusUpdate: { status: { state: "TASK_STATE_INPUT_REQUIRED", message: { parts: [{ text: "Which one?" }, {}] } } },
  });
  expect(eventOfFact(since, { kind: "artifact", state: "completed", at, result: "All" })).toMatchObject({
    artifactUpdate: { artifact: { parts: [{ text: "All" }] }, append: false, lastChunk: true },
  });
  expect(taskOfFact(since, { kind: "status", state: "working", at }).artifacts).toEqual([]);
});
