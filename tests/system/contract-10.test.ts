import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { at, type System, startSystem, tokenText } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "./support/gateway-paths.ts";
import { isType, readChunks, readUntil, typesOf, wholeStream } from "./support/read-rest.ts";

/** How long a `queue` message on an idle conversation waits before it is run by itself, with the sweep's own second. */
const GRACE_MS = 5_000;
const SLOW = { tokens: 120, delayMs: 10 };

let system: System;
let agent: string;
let gateway: ReturnType<typeof gatewayOf>;
beforeAll(async () => {
  system = await startSystem({ apis: 1, workers: 2 });
  agent = await system.ours.newAgent();
  gateway = gatewayOf(system.rest(), agent);
  system.model.when(({ lastUserText }) => lastUserText.startsWith("slow"), SLOW);
});
afterAll(() => system.close());

const asked = (text: string) => system.model.journal.filter(({ body }) => body.messages?.at(-1)?.content === text).length;
const finished = (events: { type: string; data: unknown }[]) =>
  events.filter(({ type }) => type === "task_finished").map(({ data }) => [at(data, "input", "text"), at(data, "status")]);
const idleConversation = async (text: string): Promise<string> => String(at((await gateway.invoke(text)).body, "id"));

/** A turn that takes its time, and its stream. */
async function running(text: string) {
  const stream = gateway.stream(text);
  const id = (await readChunks(stream, 1)).find(isType("task_created"))?.taskId ?? "";
  return { stream, id };
}

test("1: auto while idle answers started with depth 0, and nothing runs until the invoke", async () => {
  const id = await idleConversation("first");
  const before = await system.rowCounts();
  const answer = await gateway.message(id, { text: "lies idle" });
  expect(answer).toMatchObject({ status: 200, body: { action: "started", message_id: null, queue_depth: 0 } });
  expect(await system.rowCounts()).toEqual(before);
  expect((await gateway.state(id)).body).toMatchObject({ is_running: false, queue_depth: 0, turn_number: 1 });
  expect(asked("lies idle")).toBe(0);
  expect((await gateway.invoke("lies idle", { id })).body).toMatchObject({ id, status: "completed", turn_number: 2 });
  expect(asked("lies idle")).toBe(1);
});

test("2: auto while running answers queued, and the attached stream runs it behind a gateway_queue_updated of drain", async () => {
  const { stream, id } = await running("slow one");
  const [first, second] = [await gateway.message(id, { text: "two" }), await gateway.message(id, { text: "three" })];
  expect(first).toMatchObject({ status: 200, body: { action: "queued", queue_depth: 1 } });
  expect(second).toMatchObject({ status: 200, body: { action: "queued", queue_depth: 2 } });
  expect((await gateway.state(id)).body).toMatchObject({ is_running: true, queued_messages: [{ text: "two" }, { text: "three" }] });
  const events = await wholeStream(stream);
  expect(finished(events)).toEqual([
    ["slow one", "completed"],
    ["two", "completed"],
    ["three", "completed"],
  ]);
  const order = events
    .filter(isType("task_finished", "gateway_queue_updated", "task_created"))
    .map(({ type, data }) => (type === "gateway_queue_updated" ? `${at(data, "last_action")} ${at(data, "queue_depth")}` : type));
  const next = (depth: number) => [`drain ${depth}`, "task_created", "task_finished"];
  expect(order).toEqual(["enqueue 1", "enqueue 2", "task_finished", ...next(1), ...next(0)]);
});

test("3: queue while idle is run once, by itself after its grace, or by a drain that comes at the same time", async () => {
  const ids = await Promise.all(Array.from({ length: 6 }, (_, index) => idleConversation(`before ${index}`)));
  const waiting = ids.map((_, index) => `waits ${index}`);
  for (const [index, id] of ids.entries()) {
    const answer = await gateway.message(id, { text: waiting[index], mode: "queue" });
    expect(answer.body).toMatchObject({ action: "queued", queue_depth: 1, mode: "queue" });
  }
  // The first is left to itself; the others are drained about when their grace ends, two times each.
  const drains = ids.slice(1).flatMap((id, index) =>
    [0, 25].map(async (laterMs) => {
      await sleep(GRACE_MS - 400 + index * 350 + laterMs);
      return wholeStream(gateway.drain(id));
    }),
  );
  await Promise.all(drains);
  await expect.poll(() => waiting.map(asked), { timeout: 20_000 }).toEqual(waiting.map(() => 1));
  for (const id of ids) {
    await expect.poll(async () => (await gateway.state(id)).body).toMatchObject({ is_running: false, queue_depth: 0, turn_number: 2 });
  }
  expect(waiting.map(asked)).toEqual(waiting.map(() => 1));
});

test("4: invoke on a running conversation waits its turn and takes nothing from the old stream; on_running: reject refuses", async () => {
  const { stream, id } = await running("slow and not cut off");
  const refused = await gateway.invoke("not now", { id, on_running: "reject" });
  expect(refused).toMatchObject({ status: 409, body: { detail: "This conversation is still answering." } });
  const second = gateway.invoke("behind", { id });
  const events = await wholeStream(stream);
  expect(finished(events)[0]).toEqual(["slow and not cut off", "completed"]);
  expect(events.find(isType("task_finished"))?.data).toMatchObject({ result: tokenText(SLOW.tokens), is_manually_stopped: false });
  expect((await second).body).toMatchObject({ id, status: "completed", input: { text: "behind" }, turn_number: 2 });
});

test("5: stop keeps the queue and holds it, clear_queue empties it, and a popped message cannot be cancelled", async () => {
  const { stream, id } = await running("slow to be stopped");
  const popped = (await gateway.state(id)).body;
  const kept = await gateway.message(id, { text: "kept" });
  const stopped = await gateway.stop(id);
  expect(stopped).toMatchObject({ status: 200, body: { stopped: true, queue_cleared: 0, queue_depth: 1, turn_id: at(popped, "turn_id") } });
  expect(finished(await wholeStream(stream))).toEqual([["slow to be stopped", "stopped"]]);
  expect((await gateway.task(id)).body).toMatchObject({ status: "stopped", is_manually_stopped: true });
  expect((await gateway.state(id)).body).toMatchObject({ is_running: false, held: true, queue_depth: 1 });

  const drained = await wholeStream(gateway.drain(id));
  expect(finished(drained)).toEqual([["kept", "completed"]]);
  const late = await gateway.cancel(id, String(at(kept.body, "message_id")));
  expect(late).toMatchObject({ status: 409, body: { detail: "The message no longer waits in the queue." } });
  expect((await gateway.cancel(id, randomUUID())).status).toBe(404);
  expect((await gateway.task(id)).body).toMatchObject({ status: "completed", input: { text: "kept" } });

  const again = await running("slow to be cleared");
  await gateway.message(again.id, { text: "cleared" });
  expect((await gateway.stop(again.id, { clear_queue: true })).body).toMatchObject({ stopped: true, queue_cleared: 1, queue_depth: 0 });
  await wholeStream(again.stream);
  expect(typesOf(await wholeStream(gateway.drain(again.id)))).toEqual(["connected"]);
  expect(asked("cleared")).toBe(0);
  expect((await gateway.stop(again.id)).body).toMatchObject({ stopped: false, queue_cleared: 0 });
});

test("8 and 9: an async child that ends after its parent is on the live stream and in the view, whose usage counts all", async () => {
  const digger = await system.ours.newAgent({ name: "Digger", description: "Digs" });
  const router = await system.ours.newAgent({ name: "Router", subAgents: [{ agentId: digger as never, mode: "async" }] });
  system.model.when(({ lastUserText }) => lastUserText === "a hole", { text: ["dug"], firstDelayMs: 1_000 });
  system.model.when(({ lastUserText, body }) => lastUserText === "dig" && body.messages?.at(-1)?.role === "user", {
    toolCalls: [{ name: "digger", arguments: { query: "a hole" } }],
  });
  const routed = gatewayOf(system.rest(), router);
  const parent = (await routed.invoke("dig")).body;
  const id = String(at(parent, "id"));
  expect(parent).toMatchObject({ status: "completed", sub_executions: [expect.any(String)], finished_sub_executions: [] });
  const childId = String(at(parent, "sub_executions", 0));

  const live = await readUntil(routed.events(id), isType("sub_task_finished"));
  expect(typesOf(live).indexOf("task_finished")).toBeLessThan(live.length - 1);
  expect(live.at(-1)).toMatchObject({ taskId: childId, data: { id: childId, status: "completed", result: "dug", is_background: true } });

  const view = (await routed.get(id)).body;
  expect(view).toMatchObject({
    sub_executions: [{ execution: { id: childId, parent_execution: id, status: "completed", result: "dug" } }],
  });
  const rows = [at(view, "sub_executions", 0, "execution", "tokens"), at(view, "execution", "tokens")];
  const sum = (member: string): number => rows.reduce<number>((total, row) => total + Number(at(row, member)), 0);
  expect(at(view, "usage")).toMatchObject({
    input_tokens: sum("prompt_tokens"),
    output_tokens: sum("completion_tokens"),
    total_tokens: sum("total_tokens"),
    llm_calls: 3,
  });
  expect(sum("total_tokens")).toBeGreaterThan(0);
});

test("10: a client that leaves in mid-turn loses nothing of the result", async () => {
  const { stream, id } = await running("slow with nobody left to hear");
  await stream.return();
  await expect.poll(async () => (await gateway.task(id)).body, { timeout: 15_000 }).toMatchObject({ status: "completed" });
  const view = (await gateway.get(id)).body;
  expect(at(view, "execution", "result")).toBe(tokenText(SLOW.tokens));
  expect(at(view, "activity", "messages")).toMatchObject([
    { role: "user", content: { text: "slow with nobody left to hear" } },
    { role: "agent", content: { text: tokenText(SLOW.tokens) } },
  ]);
});

test("11: the same idempotency_key twice is one queued message and one answer; with another body it is refused", async () => {
  const { stream, id } = await running("slow and asked twice");
  const body = { text: "once", idempotency_key: "a key" };
  const answers = await Promise.all([gateway.message(id, body), gateway.message(id, body), gateway.message(id, body)]);
  for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { action: "queued", queue_depth: 1 } });
  expect(new Set(answers.map(({ body }) => at(body, "message_id"))).size).toBe(1);
  expect((await gateway.message(id, { ...body, text: "another" })).status).toBe(409);
  expect((await gateway.state(id)).body).toMatchObject({ queue_depth: 1 });
  expect(finished(await wholeStream(stream))).toHaveLength(2);
  expect(asked("once")).toBe(1);
});

test("12: a key for one agent finds no conversation of another, by no route", async () => {
  const id = await idleConversation("ours alone");
  const other = await system.ours.newAgent();
  const apiKey = await system.ours.newKey({ scopes: ["conversations:read", "conversations:write"], agentIds: [other] });
  const rest = system.rest(0, apiKey);
  const before = await system.rowCounts();
  for (const of of [agent, other]) {
    const theirs = gatewayOf(rest, of);
    const answers = [theirs.get(id), theirs.state(id), theirs.stop(id), theirs.clear(id), theirs.message(id, { text: "let me in" })];
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 404, body: { detail: "Not found." } });
    await expect(wholeStream(theirs.events(id))).rejects.toThrow(" 404");
    expect(await theirs.invoke("let me in", { id })).toMatchObject({ status: 404, body: { detail: "Not found." } });
  }
  for (const path of [`/v1/tasks/${id}`, `/v1/tasks/${id}/thread`, `/v1/tasks/${id}/thread/full`]) {
    expect(await rest.call(path)).toMatchObject({ status: 404, body: { detail: "Not found." } });
  }
  expect((await rest.call(`/v1/tasks/${id}/stop`, { method: "POST" })).status).toBe(404);
  expect((await rest.call(`/v1/tasks/${id}`, { method: "DELETE" })).status).toBe(404);
  expect(at((await rest.call("/v1/tasks")).body, "total")).toBe(0);
  expect(await system.rowCounts()).toEqual(before);
});
