import { newId } from "@parley/contracts";
import { expect, test } from "vitest";
import { hello, openTurn, startDoor, types } from "./testing/start-door.ts";

test("attaching tells the log after the cursor, then what happens, and outlives the turn's end", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  door.fake.conversation(id).start();
  const path = `${door.base}/conversations/${id}/events`;
  await using whole = await door.stream("GET", path);
  await using rest = await door.stream("GET", path, undefined, { "last-event-id": "1-1" });
  await using after = await door.stream("GET", `${path}?after=1-2`);
  door.fake.conversation(id).finish("done");
  await stream.rest();
  door.fake.conversation(id).happen("queue.updated", { action: "clear", messageId: null, queueDepth: 0 });
  for (const attached of [whole, rest, after]) await attached.until(({ type }) => type === "gateway_queue_updated");
  const end = ["task_finished", "turn_finished", "gateway_queue_updated"];
  expect(types(whole.frames)).toEqual(["connected", "task_created", "task_updated", "turn_started", ...end]);
  expect(types(rest.frames)).toEqual(["connected", "task_updated", "turn_started", ...end]);
  expect(types(after.frames)).toEqual(["connected", ...end]);
});

test("a resumed reader is told whole rows: what came before its cursor is in them", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  door.fake.conversation(id).start();
  await using attached = await door.stream("GET", `${door.base}/conversations/${id}/events`, undefined, { "last-event-id": "1-2" });
  door.fake.conversation(id).finish("done");
  const finished = await attached.until(({ type }) => type === "task_finished");
  expect(finished.data).toMatchObject({ input: { text: "Hello" }, status: "completed", started_at: expect.any(String), turn_number: 1 });
  await stream.leave();
});

test.each(["nonsense", "1-99", "1_2"])("the cursor %s is a plain 400", async (cursor) => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  const answer = await door.call("GET", `${door.base}/conversations/${id}/events`, undefined, { "last-event-id": cursor });
  expect(answer).toMatchObject({ status: 400, body: { detail: "The cursor is not one of this conversation." } });
  await stream.leave();
});

test("a streaming POST that comes back with Last-Event-ID goes on where it was cut and starts nothing", async () => {
  const door = await startDoor();
  const { stream, id } = await openTurn(door);
  await stream.leave();
  door.fake.conversation(id).start();
  const again = await door.stream("POST", `${door.base}/invoke/stream`, { ...hello, id }, { "last-event-id": "1-1" });
  await again.until(({ type }) => type === "turn_started");
  door.fake.conversation(id).finish("done");
  expect(types(await again.rest())).toEqual(["connected", "task_updated", "turn_started", "task_finished", "turn_finished"]);
  const late = await door.stream("POST", `${door.base}/conversations/${id}/drain/stream`, undefined, { "last-event-id": "1-2" });
  expect(types(await late.rest())).toEqual(["connected", "task_finished", "turn_finished"]);
  const done = await door.stream("POST", `${door.base}/invoke/stream`, { ...hello, id }, { "last-event-id": "1-3" });
  expect(types(await done.rest())).toEqual(["connected"]);
  expect(door.fake.calls.filter(({ name }) => name === "submitMessage").length).toBe(1);
  expect(door.fake.calls.some(({ name }) => name === "drainConversation")).toBe(false);
});

test("without an id the idempotency key finds the stream again; without either nothing is started", async () => {
  const door = await startDoor();
  const key = { "idempotency-key": "k" };
  const { stream, id } = await openTurn(door, hello, key);
  await stream.leave();
  door.fake.conversation(id).start();
  door.fake.conversation(id).finish("done");
  const again = await door.stream("POST", `${door.base}/invoke/stream`, hello, { ...key, "last-event-id": "1-2" });
  expect(types(await again.rest())).toEqual(["connected", "task_finished", "turn_finished"]);
  const whole = await door.stream("POST", `${door.base}/invoke/stream`, hello, key);
  expect(types(await whole.rest())).toEqual([
    "connected",
    "task_created",
    "task_updated",
    "turn_started",
    "task_finished",
    "turn_finished",
  ]);
  expect(door.fake.conversations.size).toBe(1);
  const neither = await door.call("POST", `${door.base}/invoke/stream`, hello, { "last-event-id": "1-2" });
  expect(neither).toMatchObject({ status: 422, body: { detail: [{ loc: ["body", "id"] }] } });
  expect(door.fake.conversations.size).toBe(1);
});

test("a repeated call attaches to its own turn, though a new one would be refused while that runs", async () => {
  const door = await startDoor();
  const id = newId<string>();
  const body = { ...hello, id, on_running: "reject" };
  const { stream } = await openTurn(door, body, { "idempotency-key": "k" });
  const again = await door.stream("POST", `${door.base}/invoke/stream`, body, { "idempotency-key": "k" });
  expect(await door.call("POST", `${door.base}/invoke/stream`, body)).toMatchObject({ status: 409 });
  door.fake.conversation(id).finish("done");
  expect(types(await again.rest())).toEqual(types(await stream.rest()));
});

test("a key that is revoked ends its open streams, typed", async () => {
  const door = await startDoor();
  const { stream } = await openTurn(door);
  door.fake.callers.delete(door.key);
  expect((await stream.rest()).at(-1)).toMatchObject({
    type: "error",
    id: "1-1",
    data: { code: "unauthenticated", status: 401, retry: false },
  });
});

test("a process that shuts down ends its streams so that clients come back", async () => {
  const door = await startDoor();
  const { stream } = await openTurn(door);
  door.attachments.close();
  expect((await stream.rest()).at(-1)).toMatchObject({ type: "error", id: "1-1", data: { code: "stream_ended", retry: true } });
});
