import { LIMITS, newId } from "@parley/contracts";
import { expect, test } from "vitest";
import { hello, startConversation, startDoor } from "./testing/start-door.ts";

test("a message for a running conversation is queued, and says where it stands", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const { status, body } = await door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "More", mode: "queue" });
  expect(status).toBe(200);
  expect(body).toMatchObject({ action: "queued", mode: "queue", position: 1, queue_depth: 1, steer_target: null, conversation_id: id });
  const state = await door.call("GET", `${door.base}/conversations/${id}/run-state`);
  expect(state.body).toMatchObject({
    conversation_id: id,
    is_running: true,
    queue_depth: 1,
    is_steerable: true,
    steer_target: "router",
    conversation_state: "regular",
    cards: [],
    steers_waiting: 0,
    branch: 0,
  });
  expect(state.body.queued_messages).toMatchObject([
    { id: body.message_id, text: "More", position: 1, turn_id: body.turn_id, idempotency_key: null },
  ]);
});

test("a steer that is taken says who takes it; on an idle conversation it is a 409 on every route", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const steer = () => door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "Shorter", mode: "steer" });
  expect((await steer()).body).toMatchObject({ action: "steering", mode: "steer", steer_target: "router", position: 0 });
  door.fake.conversation(id).finish("done");
  const state = await door.call("GET", `${door.base}/conversations/${id}/run-state`);
  expect(state.body).toMatchObject({ is_steerable: false, steer_target: "none" });
  const refused = { status: 409, body: { detail: "No turn is running that could be steered." } };
  expect(await steer()).toMatchObject(refused);
  const invoke = { ...hello, id, on_running: "steer" };
  expect(await door.call("POST", `${door.base}/invoke`, invoke)).toMatchObject(refused);
  expect(await door.call("POST", `${door.base}/invoke/stream`, invoke)).toMatchObject(refused);
});

test("the same idempotency key twice is one queued message, in the header as in the body", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const path = `${door.base}/conversations/${id}/messages`;
  const inBody = () => door.call("POST", path, { text: "More", idempotency_key: "k" });
  expect((await inBody()).body.message_id).toBe((await inBody()).body.message_id);
  const inHeader = (text: string) => door.call("POST", path, { text }, { "idempotency-key": "h" });
  expect((await inHeader("Even more")).body.message_id).toBe((await inHeader("Even more")).body.message_id);
  expect(door.fake.conversation(id).queue.length).toBe(2);
  expect((await inHeader("Other")).status).toBe(409);
});

test("a message key in the body counts within its conversation only", async () => {
  const door = await startDoor();
  const ids = [await startConversation(door), await startConversation(door)];
  const send = (id?: string) => door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "More", idempotency_key: "k" });
  const [first, second] = [await send(ids[0]), await send(ids[1])];
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(first.body.message_id).not.toBe(second.body.message_id);
});

test("stop takes an empty body and leaves the queue; clear_queue empties it; a foreign turn is not hit", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  await door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "More" });
  const turnId = door.fake.conversation(id).execution.turnId;
  const stop = (body?: unknown) => door.call("POST", `${door.base}/conversations/${id}/stop`, body);
  expect((await stop({ turn_id: newId() })).body).toMatchObject({ stopped: false, turn_id: null, queue_depth: 1 });
  expect((await stop()).body).toEqual({
    ...{ conversation_id: id, stopped: true, turn_id: turnId, cards: [], queue_cleared: 0, queue_depth: 1 },
    children: [{ id: "child", agent_id: "agent", mode: "async" }],
  });
  expect((await stop({ clear_queue: true })).body).toMatchObject({ stopped: false, queue_cleared: 1, queue_depth: 0 });
  expect((await door.call("GET", `/v1/tasks/${id}`)).body).toMatchObject({ status: "stopped", is_manually_stopped: true });
});

test("one message can be cancelled while it waits, all can be cleared, a popped one is a 409 without effect", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const conversation = `${door.base}/conversations/${id}`;
  const { body } = await door.call("POST", `${conversation}/messages`, { text: "One" });
  const cancel = () => door.call("DELETE", `${conversation}/queue/${body.message_id}`);
  expect((await cancel()).body).toEqual({ conversation_id: id, message_id: body.message_id, cancelled: 1, queue_depth: 0 });
  expect((await cancel()).status).toBe(409);
  await door.call("POST", `${conversation}/messages`, { text: "Two" });
  expect((await door.call("DELETE", `${conversation}/queue`)).body).toEqual({ conversation_id: id, cancelled: 1, queue_depth: 0 });
});

test("a conversation is shown whole, with the usage of all its parts", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const { body } = await door.call("GET", `${door.base}/conversations/${id}`);
  expect(body).toMatchObject({
    conversation_id: id,
    version: 1,
    branch: 1,
    branches: [{ branch: 0, edited_message_id: expect.any(String), ended_at: expect.any(String) }, { branch: 1 }],
    branches_left_out: LIMITS.pageMax,
    execution: { id },
    activity: { id, messages: [{ kind: "message", role: "user", content: { text: "Hello", files: [] } }, { role: "agent" }] },
    usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
    sub_executions: [],
  });
  const earlier = await door.call("GET", `${door.base}/conversations/${id}?branch=0`);
  expect(earlier).toMatchObject({ status: 200, body: { branch: 0 } });
  expect((await door.call("GET", `${door.base}/conversations/${id}?branch=9`)).status).toBe(404);
  expect(await door.call("GET", `${door.base}/conversations/${id}?branch=x`)).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ["query", "branch"] }] },
  });
});

test("a message that waits is read and changed", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const conversation = `${door.base}/conversations/${id}`;
  const { body: sent } = await door.call("POST", `${conversation}/messages`, { text: "More", mode: "queue" });
  const message = await door.call("GET", `${conversation}/messages/${sent.message_id}`);
  expect(message.body).toMatchObject({
    ...{ id: sent.message_id, conversation_id: id, agent_id: door.fake.agentId, turn_id: sent.turn_id },
    ...{ state: "queued", mode: "queue", is_steering: false, position: 1, text: "More", files: [], user: null, expires_at: null },
  });
  const change = (body: object) => door.call("PATCH", `${conversation}/queue/${sent.message_id}`, body, { "idempotency-key": "k" });
  const changed = await change({ text: "Less", position: 1, files: null });
  expect(changed.body).toEqual({ conversation_id: id, message_id: sent.message_id, position: 1, queue_depth: 1 });
  expect(door.fake.calls.at(-1)).toEqual({
    name: "changeMessage",
    input: { conversationId: id, messageId: sent.message_id, text: "Less", files: undefined, position: 1 },
    facts: { route: "conversation.changeMessage", key: "k" },
  });
  for (const [body, place] of [
    [{}, ["body"]],
    [{ position: 0 }, ["body", "position"]],
    [{ text: 7 }, ["body", "text"]],
  ] as const) {
    expect(await change(body)).toMatchObject({ status: 422, body: { detail: [{ loc: place }] } });
  }
  expect((await door.call("GET", `${conversation}/messages/${newId()}`)).status).toBe(404);
});

test("a key in the header and another in the body are a 400; the same in both is one", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const send = (path: string, body: object, key: string) =>
    door.call("POST", `${door.base}${path}`, { ...body, idempotency_key: "k" }, { "idempotency-key": key });
  for (const [path, body] of [
    [`/conversations/${id}/messages`, { text: "More" }],
    ["/invoke", hello],
    ["/invoke/stream", hello],
  ] as const) {
    expect(await send(path, body, "other")).toMatchObject({ status: 400, body: { detail: expect.stringContaining("different") } });
  }
  expect(door.fake.conversation(id).queue).toEqual([]);
  expect((await send(`/conversations/${id}/messages`, { text: "More" }, "k")).body).toMatchObject({ action: "queued" });
});

test("every change of a conversation or a task takes the header's key, under its route's name", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  const conversation = `${door.base}/conversations/${id}`;
  const { body } = await door.call("POST", `${conversation}/messages`, { text: "More" });
  const changes: [method: string, path: string, route: string][] = [
    ["POST", `${conversation}/stop`, "conversation.stop"],
    ["DELETE", `${conversation}/queue/${body.message_id}`, "conversation.cancelMessage"],
    ["DELETE", `${conversation}/queue`, "conversation.clearQueue"],
    ["POST", `${conversation}/drain/stream`, "conversation.drainStream"],
    ["POST", `/v1/tasks/${id}/stop`, "execution.stop"],
    ["DELETE", `/v1/tasks/${id}`, "execution.delete"],
  ];
  for (const [method, path, route] of changes) {
    const key = { "idempotency-key": `key of ${route}` };
    if (path.endsWith("stream")) await (await door.stream(method, path, undefined, key)).rest();
    else await door.call(method, path, undefined, key);
    expect([route, door.fake.calls.at(-1)?.facts]).toEqual([route, { route, key: `key of ${route}` }]);
  }
});
