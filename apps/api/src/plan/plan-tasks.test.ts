import type { EventType, LogEvent } from "@parley/contracts";
import { expect, test } from "vitest";
import { PlanTasks } from "./plan-tasks.ts";

const ROOT = "conversation";
const fact = (type: EventType, data: object, executionId = ROOT) => ({ type, data, executionId, turnId: "turn" }) as unknown as LogEvent;
const called = (callId: string, tool: string) => fact("tool.called", { step: 1, callId, tool, arguments: { input: "x" } });
const returned = (callId: string, tool: string, isError = false) =>
  fact("tool.returned", { step: 1, callId, tool, result: "said", isError });
const peer = (callId: string) => ({
  peerId: null,
  name: "a_b-c.d e",
  did: null,
  didSource: null,
  skill: "s_1",
  callId,
  input: { input: "x" },
});
const created = (callId: string, childId: string) => fact("child.created", { childId, agentId: "a", mode: "sync", peer: peer(callId) });
const finished = (childId: string, more: object = {}) =>
  fact("child.finished", {
    childId,
    result: "said",
    report: { state: "completed", taskId: "t", signatures: null, did: null, didSource: null, error: null },
    ...more,
  });

const tell = (...events: LogEvent[]) => {
  const tasks = new PlanTasks(ROOT);
  return events.flatMap((event) => tasks.take(event)).map(({ event, data }) => [event, data as Record<string, unknown>] as const);
};
const short = (frames: ReturnType<typeof tell>) => frames.map(([event, { task_id: id, agent, state }]) => [event, id, agent, state]);

test("a call of a peer is told by its child and not by its tool, once, started before finished", () => {
  const events = [called("c1", "call_a_b_c_d_e_s_1"), created("c1", "k1"), finished("k1"), returned("c1", "call_a_b_c_d_e_s_1")];
  expect(short(tell(...events))).toEqual([
    ["task.started", "c1", "a_b-c.d e", undefined],
    ["task.artifact", "c1", "a_b-c.d e", undefined],
    ["task.finished", "c1", "a_b-c.d e", "completed"],
  ]);
});

test("a call that was answered instead of made is told by the names of the same call before it", () => {
  const tool = "call_a_b_c_d_e_s_1";
  const before = [called("c1", tool), created("c1", "k1"), finished("k1"), returned("c1", tool)];
  expect(short(tell(...before, called("c2", tool), returned("c2", tool, true))).slice(3)).toEqual([
    ["task.started", "c2", "a_b-c.d e", undefined],
    ["task.artifact", "c2", "a_b-c.d e", undefined],
    ["task.finished", "c2", "a_b-c.d e", "failed"],
  ]);
  // Never made before, it has only its tool's name.
  expect(short(tell(called("c3", "call_x"), returned("c3", "call_x", true)))[0]).toEqual(["task.started", "c3", "call_x", undefined]);
});

test("what is open when the plan waits needs input, when it ends it is canceled, and neither is told twice", () => {
  const open = [called("c1", "call_x"), created("c1", "k1"), called("c2", "look")];
  for (const [type, state] of [["turn.paused", "input-required"] as const, ["turn.failed", "canceled"] as const]) {
    expect(short(tell(...open, fact(type, {}), fact(type, {}))).slice(2)).toEqual([
      ["task.finished", "c1", "a_b-c.d e", state],
      ["task.finished", "c2", "look", state],
    ]);
  }
});

test("the end of a call that was begun in an earlier plan is told by its own names; children's calls are not the plan's", () => {
  const call = { name: "joker", skill: "joke", callId: "c9" };
  expect(short(tell(finished("k9", { call })))).toEqual([
    ["task.artifact", "c9", "joker", undefined],
    ["task.finished", "c9", "joker", "completed"],
  ]);
  expect(tell(fact("tool.called", { callId: "c", tool: "look" }, "child"))).toEqual([]);
  expect(tell(called("c", "ask_user_questions"), returned("c", "ask_user_questions"))).toEqual([]);
});
