import { randomUUID } from "node:crypto";
import { createClient, type StreamItem } from "@parley/client";
import { at, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "./support/gateway-paths.ts";
import { typesOf, wholeStream } from "./support/read-rest.ts";

let system: System;
let agent: string;
let gateway: ReturnType<typeof gatewayOf>;
beforeAll(async () => {
  system = await startSystem({ apis: 1, workers: 1 });
  agent = await system.ours.newAgent({ mayAsk: true });
  gateway = gatewayOf(system.rest(), agent);
  const questions = { questions: [{ id: "q", text: "Which one?" }] };
  system.model.when(({ lastUserText }) => lastUserText === "ask", {
    toolCalls: [{ name: "ask_user_questions", arguments: questions }],
  });
});
afterAll(() => system.close());

/** A conversation whose turn waits for a person. */
async function paused(): Promise<string> {
  const { body } = await gateway.invoke("ask");
  expect(body).toMatchObject({ status: "paused" });
  return String(at(body, "id"));
}

test("an invoke behind a card answers `pending` at once, and so does the same call again", async () => {
  const id = await paused();
  const invoke = () => gateway.invoke("next", { id, idempotency_key: "again" });
  const [first, again] = [await invoke(), await invoke()];
  for (const { status, body } of [first, again]) {
    expect([status, body]).toMatchObject([200, { id, status: "pending", input: { text: "next" }, result: null }]);
  }
  expect(at(again.body, "turn_id")).toBe(at(first.body, "turn_id"));
  expect((await gateway.state(id)).body).toMatchObject({ queue_depth: 1 });
});

test("an invoke's stream behind a card says that the message waits, and ends", async () => {
  const id = await paused();
  const events = await wholeStream(gateway.stream("next", { id }));
  expect(typesOf(events)).toEqual(["connected", "gateway_queue_updated"]);
  expect(events[1]?.data).toMatchObject({ last_action: "enqueue", queue_depth: 1 });
});

test("a client's message behind a card is told to wait, and its loop ends", async () => {
  const conversationId = await paused();
  const client = createClient({ url: system.apis[0]?.url ?? "", apiKey: system.ours.apiKey });
  const items: StreamItem[] = [];
  for await (const item of client.ask({ agentId: agent, conversationId, text: "next", idempotencyKey: randomUUID() })) items.push(item);
  expect(items.map(({ type }) => type)).toEqual(["submitted", "queue.updated"]);
  await client.close();
});

test("invoke/async again answers with the row of its own turn, when a later one is over", async () => {
  const path = `/v1/agents/${agent}/invoke/async`;
  const first = () => system.rest().call(path, { body: { input: { text: "first" } }, headers: { "idempotency-key": "first" } });
  const { body } = await first();
  const id = String(at(body, "id"));
  expect((await gateway.invoke("second", { id })).body).toMatchObject({ status: "completed", turn_number: 2 });
  expect((await first()).body).toMatchObject({ id, status: "pending", turn_id: at(body, "turn_id"), turn_number: 1, result: null });
});

test("invoke/async shows the row that its task has, of a conversation that begins and of one that goes on", async () => {
  const begin = (body: object) => system.rest().call(`/v1/agents/${agent}/invoke/async`, { body });
  const user = { email: "a@example.com" };
  const first = await begin({ input: { text: "begins", user } });
  const id = String(at(first.body, "id"));
  expect((await gateway.invoke("second", { id })).body).toMatchObject({ status: "completed", turn_number: 2 });
  const third = await begin({ input: { text: "goes on" }, id });
  const { body: task } = await system.rest().call(`/v1/tasks/${id}`);
  for (const { status, body } of [first, third]) {
    expect(status).toBe(200);
    expect(Object.keys(body as object)).toEqual(Object.keys(task as object));
    for (const key of ["id", "agent_id", "organization_id", "created_at", "agent_version", "parent_execution"]) {
      expect([key, at(body, key)]).toEqual([key, at(task, key)]);
    }
  }
  expect(first.body).toMatchObject({ status: "pending", turn_number: 1, input: { text: "begins", user }, result: null });
  expect(third.body).toMatchObject({ status: "pending", turn_number: 3, input: { text: "goes on", user }, result: null });
});
