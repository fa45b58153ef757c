import { type Client, createClient, type StreamItem } from "@parley/client";
import { at, type ModelServerRequest, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "./support/gateway-paths.ts";
import { isType, readUntil, typesOf, wholeStream } from "./support/read-rest.ts";

let system: System;
let agent: string;
let gateway: ReturnType<typeof gatewayOf>;
let clients: Record<"sse" | "websocket", Client>;
/** What lets the held turns go on; each test has its own. */
let gate = Promise.withResolvers<void>();
const isHeld = ({ body }: ModelServerRequest): boolean => body.messages?.at(-1)?.content === "hold";

beforeAll(async () => {
  system = await startSystem();
  agent = await system.ours.newAgent();
  gateway = gatewayOf(system.rest(), agent);
  // A call that cannot be made: its result is a step boundary.
  system.model.when(isHeld, () => ({ after: gate.promise, toolCalls: [{ name: "no_such_tool", arguments: {} }] }));
  system.model.otherwise({ text: ["done"] });
  const clientOf = (transport: "sse" | "websocket") =>
    createClient({ url: system.apis[0]?.url ?? "", apiKey: system.ours.apiKey, transport });
  clients = { sse: clientOf("sse"), websocket: clientOf("websocket") };
});
afterAll(async () => {
  gate.resolve();
  await Promise.all(Object.values(clients ?? {}).map((client) => client.close()));
  await system.close();
});

/** A turn that is held until the gate opens, and its stream. */
async function held() {
  gate = Promise.withResolvers<void>();
  const before = system.model.journal.length;
  const stream = gateway.stream("hold");
  const id = (await readUntil(stream, isType("turn_started"))).at(-1)?.taskId ?? "";
  await expect.poll(() => system.model.journal.length).toBeGreaterThan(before);
  return { id, stream };
}

/** Asks, and reads to the end that the gateway gives; resolves `sent` when the message is in. */
function ask(client: Client, input: Parameters<Client["ask"]>[0]) {
  const sent = Promise.withResolvers<StreamItem>();
  const read = async (): Promise<StreamItem[]> => {
    const items: StreamItem[] = [];
    for await (const item of client.ask(input)) {
      items.push(item);
      if (item.type === "submitted") sent.resolve(item);
    }
    return items;
  };
  return { sent: sent.promise, items: read() };
}
const kindsOf = (items: StreamItem[]) => items.map(({ type }) => type).filter((type) => type !== "turn.delta");

test.each(["sse", "websocket"] as const)("a steer's stream ends with the turn that took it, over %s", async (transport) => {
  const { id, stream } = await held();
  const steer = ask(clients[transport], { agentId: agent, conversationId: id, text: "shorter", mode: "steer" });
  const [submitted] = await Promise.all([steer.sent, gateway.message(id, { text: "behind" })]);
  gate.resolve();
  const items = await steer.items;
  expect(submitted).toMatchObject({ data: { action: "steering", mode: "steer" } });
  expect(kindsOf(items)).toContain("steer.applied");
  expect(items.at(-1)).toMatchObject({ type: "turn.completed", data: { more: true, result: "done" } });
  expect(items.at(-1)).not.toHaveProperty("turnId", at(submitted, "data", "turnId"));
  const told = await wholeStream(stream);
  expect(told.find(isType("steer_applied"))?.data).toMatchObject({ message_id: at(submitted, "data", "messageId"), text: "shorter" });
});

test.each(["sse", "websocket"] as const)(
  "messages that are merged have one turn, and each one's stream ends with it, over %s",
  async (transport) => {
    const { id, stream } = await held();
    const collect = (text: string) => ask(clients[transport], { agentId: agent, conversationId: id, text, mode: "collect" });
    const first = collect("apples");
    await first.sent;
    const second = collect("pears");
    await second.sent;
    gate.resolve();
    const [ofFirst, ofSecond] = await Promise.all([first.items, second.items]);
    for (const items of [ofFirst, ofSecond]) expect(items.at(-1)).toMatchObject({ type: "turn.completed", data: { turnNumber: 2 } });
    expect(ofFirst.at(-1)?.cursor).toBe(ofSecond.at(-1)?.cursor);
    const finished = (await wholeStream(stream)).filter(isType("task_finished"));
    expect(finished.map(({ data }) => at(data, "input", "text"))).toEqual(["hold", "apples\n\npears"]);
  },
);

test("an invoke that steers answers the row of the turn that took it, one that is merged the row of the merged turn", async () => {
  const { id, stream } = await held();
  const steering = gateway.invoke("shorter", { id, on_running: "steer" });
  await expect.poll(async () => at((await gateway.state(id)).body, "steers_waiting")).toBe(1);
  await gateway.message(id, { text: "apples" });
  const merged = clients.sse.turn.submit.mutate({ agentId: agent, conversationId: id, text: "pears", mode: "collect" });
  const { turnId } = await merged;
  gate.resolve();
  expect((await steering).body).toMatchObject({ id, status: "completed", turn_number: 1, input: { text: "hold" } });
  const waited = await clients.sse.turn.await.query({ conversationId: id, turnId, waitMs: 20_000 });
  expect(waited).toMatchObject({ status: "completed", turnNumber: 2, input: { text: "apples\n\npears" } });
  await stream.return();
});

test("an invoke that interrupts ends the old turn as superseded, and both streams go on with the new one", async () => {
  const { id, stream } = await held();
  const told = await wholeStream(gateway.stream("instead", { id, on_running: "interrupt" }));
  expect(
    told.filter(isType("task_finished")).map(({ data }) => [at(data, "input", "text"), at(data, "status"), at(data, "reason")]),
  ).toEqual([
    ["hold", "stopped", "superseded"],
    ["instead", "completed", null],
  ]);
  expect((await wholeStream(stream)).filter(isType("task_finished")).at(-1)?.data).toMatchObject({
    input: { text: "instead" },
    is_manually_stopped: false,
  });
});

test("messages that wait are read, changed and moved, and run as they are then", async () => {
  const { id, stream } = await held();
  const [apples, pears] = [await gateway.message(id, { text: "apples" }), await gateway.message(id, { text: "pears" })].map(({ body }) =>
    String(at(body, "message_id")),
  );
  expect((await gateway.read(id, pears ?? "")).body).toMatchObject({ state: "queued", position: 2, text: "pears" });
  expect((await gateway.change(id, pears ?? "", { text: "plums", position: 1 })).body).toMatchObject({ position: 1, queue_depth: 2 });
  expect((await gateway.state(id)).body).toMatchObject({
    queued_messages: [
      { id: pears, text: "plums", position: 1 },
      { id: apples, position: 2 },
    ],
  });
  gate.resolve();
  const told = await wholeStream(stream);
  expect(told.filter(isType("task_finished")).map(({ data }) => at(data, "input", "text"))).toEqual(["hold", "plums", "apples"]);
  const changes = told
    .filter(isType("gateway_queue_updated"))
    .map(({ data }) => [at(data, "last_action"), at(data, "message_id"), at(data, "queue_depth")]);
  expect(changes).toEqual([
    ["enqueue", apples, 1],
    ["enqueue", pears, 2],
    ["enqueue", pears, 2],
    ["reorder", pears, 2],
    ["drain", pears, 1],
    ["drain", apples, 0],
  ]);
  expect((await gateway.read(id, pears ?? "")).body).toMatchObject({ state: "done", position: 0 });
  expect((await gateway.change(id, pears ?? "", { position: 1 })).status).toBe(409);
  expect(typesOf(told)).not.toContain("error");
});
