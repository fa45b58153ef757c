import { connect } from "node:net";
import { makeCursor, NO_USAGE, newId } from "@parley/contracts";
import { expect, test } from "vitest";
import { hello, openTurn, startDoor, types } from "./testing/start-door.ts";

const delta = (text: string) => ({ step: 0, offset: 0, text });

test("a turn streams from `connected` to `turn_finished`, every later frame under a cursor", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  expect(stream.response.headers.get("content-type")).toContain("text/event-stream");
  door.fake.conversation(id).start();
  for (const text of ["Hel", "lo"]) door.fake.conversation(id).happen("turn.delta", delta(text));
  door.fake.conversation(id).finish("Hello");
  const frames = await stream.rest();
  expect(types(frames)).toEqual([
    "connected",
    "task_created",
    "task_updated",
    "turn_started",
    "chunk",
    "chunk",
    "task_finished",
    "turn_finished",
  ]);
  expect(frames.map((frame) => frame.id)).toEqual([undefined, "1-1", "1-1", "1-2", "1-3", "1-4", "1-4", "1-5"]);
  expect(frames.flatMap(({ type, data }) => (type === "chunk" ? [data] : [])).join("")).toBe("Hello");
  expect(frames.at(-2)).toMatchObject({ task_id: id, data: { id, status: "completed", result: "Hello" } });
});

test("head and `connected` come in one piece, before anything is asked of the gateway's stores", async () => {
  const door = await startDoor();
  const gateway = Promise.withResolvers<void>();
  door.fake.beforeSubmit = () => gateway.promise;
  const { port } = new URL(door.url);
  const socket = connect(Number(port), "127.0.0.1");
  const body = JSON.stringify(hello);
  socket.write(
    `POST ${door.base}/invoke/stream HTTP/1.1\r\nhost: a\r\nx-api-key: ${door.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const first = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
  expect(first).toMatch(/^HTTP\/1\.1 200/);
  expect(first).toContain('data: {"type":"connected"');
  expect(door.fake.calls).toEqual([]);
  gateway.resolve();
  socket.destroy();
});

test("queued messages run on the same stream, each pop announced, and it ends with the last", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  const { body } = await door.call("POST", `${door.base}/conversations/${id}/messages`, { text: "And more" });
  door.fake.conversation(id).finish("one");
  await stream.until(({ data }) => data.last_action === "drain");
  door.fake.conversation(id).finish("two");
  const frames = await stream.rest();
  const queue = frames
    .filter(({ type }) => type === "gateway_queue_updated")
    .map(({ data }) => [data.last_action, data.message_id, data.queue_depth]);
  expect(queue).toEqual([
    ["enqueue", body.message_id, 1],
    ["drain", body.message_id, 0],
  ]);
  const rows = frames.filter(({ type }) => type === "task_created" || type === "task_finished");
  expect(rows.map(({ type, data }) => [type, data.result])).toEqual([
    ["task_created", null],
    ["task_finished", "one"],
    ["task_created", null],
    ["task_finished", "two"],
  ]);
});

test("an invoke on a running conversation queues, and its stream tells both turns", async () => {
  const door = await startDoor();
  const first = await openTurn(door);
  const second = await door.stream("POST", `${door.base}/invoke/stream`, { id: first.id, input: { text: "Second" } });
  const queued = await second.until(({ type }) => type === "gateway_queue_updated");
  expect(queued.data).toMatchObject({ last_action: "enqueue", queue_depth: 1 });
  expect(second.frames[0]).toMatchObject({ type: "connected", task_id: first.id, data: { conversation_id: first.id } });
  door.fake.conversation(first.id).finish("one");
  await second.until(({ type }) => type === "task_created");
  door.fake.conversation(first.id).finish("two");
  for (const stream of [first.stream, second]) {
    const results = (await stream.rest()).filter(({ type }) => type === "turn_finished").map(({ data }) => data.result);
    expect(results).toEqual(["one", "two"]);
  }
});

test("stop reaches the open stream as its terminal event, with the row stopped", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  await door.call("POST", `${door.base}/conversations/${id}/stop`);
  const frames = await stream.rest();
  expect(types(frames).slice(-2)).toEqual(["task_finished", "turn_finished"]);
  expect(frames.at(-2)?.data).toMatchObject({ status: "stopped", is_manually_stopped: true, finished_at: expect.any(String) });
});

test("a turn that pauses ends its stream", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  door.fake.conversation(id).happen("turn.paused", { cardIds: [] });
  expect((await stream.rest()).at(-1)).toMatchObject({ type: "task_updated", data: { status: "paused" } });
});

test("a message behind a card is accepted and its stream ends at once; the same call again says the same, and tells its turn later", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  door.fake.conversation(id).happen("turn.paused", { cardIds: [] });
  await stream.rest();
  const invoke = () => door.stream("POST", `${door.base}/invoke/stream`, { ...hello, id }, { "idempotency-key": "k" });
  const queued = await (await invoke()).rest();
  expect(types(queued)).toEqual(["connected", "gateway_queue_updated"]);
  expect(queued[1]).toMatchObject({ id: "1-3", data: { last_action: "enqueue", queue_depth: 1 } });
  await expect.poll(() => door.fake.conversation(id).following).toBe(0);
  expect(types(await (await invoke()).rest())).toEqual(["connected", "gateway_queue_updated"]);
  door.fake.conversation(id).finish("one");
  door.fake.conversation(id).happen("turn.paused", { cardIds: [] });
  const paused = await (await invoke()).rest();
  expect(paused.at(-1)).toMatchObject({ type: "task_updated", data: { status: "paused", input: { text: "Hello" } } });
});

test("a client that leaves detaches: nothing is stopped, nothing goes on being followed, the result is kept", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  await expect.poll(() => door.fake.conversation(id).following).toBe(1);
  await stream.leave();
  await expect.poll(() => door.fake.conversation(id).following).toBe(0);
  await expect.poll(() => door.fake.attached).toBe(0);
  door.fake.conversation(id).finish("Still here");
  expect(door.fake.calls.some(({ name }) => name === "stopConversation")).toBe(false);
  expect((await door.call("GET", `${door.base}/conversations/${id}`)).body).toMatchObject({
    execution: { status: "completed", result: "Still here" },
  });
});

test("a refused admission is the stream's one typed last event", async () => {
  const door = await startDoor();
  const first = await openTurn(door);
  door.fake.addKey("other-agent", { agentIds: new Set([door.fake.otherAgentId]) });
  const path = `/v1/agents/${door.fake.otherAgentId}/gateway/invoke/stream`;
  const stream = await door.stream("POST", path, { ...hello, id: first.id }, { "x-api-key": "other-agent" });
  const frames = await stream.rest();
  expect(types(frames)).toEqual(["connected", "error"]);
  expect(frames[1]).toMatchObject({ id: undefined, data: { code: "not_found", message: "Not found.", status: 404, retry: false } });
  await first.stream.leave();
});

test("what goes wrong while following ends the stream with an event under the last cursor", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  door.fake.conversation(id).endFollowing();
  const last = (await stream.rest()).at(-1);
  expect(last).toMatchObject({ type: "error", id: "1-1", task_id: id, data: { code: "stream_ended", retry: true } });
});

test("an unknown agent, and a reject on a busy conversation, are plain statuses before any stream", async () => {
  const door = await startDoor();
  expect(await door.call("POST", `/v1/agents/${newId()}/gateway/invoke/stream`, hello)).toMatchObject({ status: 404 });
  const { stream, id } = await openTurn(door);
  expect(await door.call("POST", `${door.base}/invoke/stream`, { ...hello, id, on_running: "reject" })).toMatchObject({ status: 409 });
  await stream.leave();
});

test("draining an idle conversation is `connected`, then the end", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  door.fake.conversation(id).finish("done");
  await stream.rest();
  const drained = await door.stream("POST", `${door.base}/conversations/${id}/drain/stream`);
  expect(types(await drained.rest())).toEqual(["connected"]);
});

test("draining a held queue runs it in order, one turn each", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  for (const text of ["Two", "Three"]) await door.call("POST", `${door.base}/conversations/${id}/messages`, { text });
  await door.call("POST", `${door.base}/conversations/${id}/stop`);
  await stream.rest();
  const drained = await door.stream("POST", `${door.base}/conversations/${id}/drain/stream`);
  for (const text of ["Two", "Three"]) {
    await drained.until(({ type, data }) => type === "task_created" && (data.input as { text?: string } | undefined)?.text === text);
    door.fake.conversation(id).finish(text);
  }
  const results = (await drained.rest()).filter(({ type }) => type === "task_finished").map(({ data }) => data.result);
  expect(results).toEqual(["Two", "Three"]);
});

test("draining while a turn runs only attaches to it", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  const drained = await door.stream("POST", `${door.base}/conversations/${id}/drain/stream`);
  await expect.poll(() => door.fake.conversation(id).following).toBe(2);
  door.fake.conversation(id).finish("done");
  expect(types(await drained.rest())).toEqual(["connected", "task_finished", "turn_finished"]);
  await stream.rest();
});

test("a child that finishes after its parent is told on a live stream", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  await using attached = await door.stream("GET", `${door.base}/conversations/${id}/events`);
  const child = { childId: newId(), agentId: door.fake.otherAgentId, mode: "async" } as const;
  door.fake.conversation(id).happen("child.created", { ...child, agentVersion: 1, agentName: "Joker", query: "A joke" });
  door.fake.conversation(id).finish("It is being done.");
  expect((await stream.rest()).findLast(({ type }) => type === "task_finished")?.data).toMatchObject({ sub_executions: [child.childId] });
  door.fake.conversation(id).happen("child.finished", { ...child, status: "completed", result: "Ha", reason: null, usage: NO_USAGE });
  expect(await attached.until(({ type }) => type === "sub_task_finished")).toMatchObject({
    task_id: child.childId,
    data: { status: "completed", result: "Ha" },
  });
});

test("a reader that takes nothing is not pulled for, and gets everything once it reads", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  await stream.leave();
  const text = "x".repeat(100_000);
  for (let n = 0; n < 200; n++) door.fake.conversation(id).happen("turn.delta", delta(text));
  door.fake.conversation(id).finish("done");
  await using slow = await door.stream("GET", `${door.base}/conversations/${id}/events`);
  await slow.until(({ type }) => type === "connected");
  let before = -1;
  // Pulling comes to a standstill while nothing is read, far from the end.
  await expect
    .poll(() => door.fake.conversation(id).pulled === before || void (before = door.fake.conversation(id).pulled), {
      interval: 100,
      timeout: 8_000,
    })
    .toBe(true);
  expect(door.fake.conversation(id).pulled).toBeLessThan(190);
  const last = await slow.until(({ type }) => type === "turn_finished");
  expect(last.id).toBe(makeCursor({ epoch: 1, n: 202 }));
  expect(slow.frames.filter(({ type }) => type === "chunk").length).toBe(200);
});

test("a silent stream gets a comment now and then", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  door.beat(performance.now() + 16_000);
  door.fake.conversation(id).finish("done");
  await stream.rest();
  expect(stream.comments).toEqual([": ping"]);
});
