import { expect, test } from "vitest";
import { startConversation, startDoor } from "./testing/start-door.ts";

test("where a thread is longer than one answer, a list says so in a Link, and an object in itself", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  for (const tail of ["thread", "thread/full"]) {
    const path = `/v1/tasks/${id}/${tail}`;
    const newest = await door.call("GET", path);
    expect(newest.headers.get("link")).toBe(`<${path}?before=7-1>; rel="next"`);
    const older = await door.call("GET", `${path}?before=7-1`);
    expect([older.status, older.headers.get("link")]).toEqual([200, null]);
    expect(door.fake.calls.at(-1)).toMatchObject({ input: { executionId: id, before: "7-1" } });
  }
  expect((await door.call("GET", `/v1/tasks/${id}/thread/full`)).headers.get("x-children-left-out")).toBe("2");
  const { body } = await door.call("GET", `${door.base}/conversations/${id}`);
  expect(body).toMatchObject({ activity: { older: null }, sub_executions_left_out: 0 });
});

test("a place that cannot be read is invalid_cursor", async () => {
  const door = await startDoor();
  const id = await startConversation(door);
  for (const path of [`/v1/tasks/${id}/thread`, `/v1/tasks/${id}/thread/full`, `${door.base}/conversations/${id}`]) {
    const answer = await door.call("GET", `${path}?before=yesterday`);
    expect([path, answer.status, answer.body]).toEqual([path, 400, { detail: "The cursor is not one of this conversation." }]);
  }
});

test("tasks under an agent that is not there are not found, with whatever key", async () => {
  const door = await startDoor();
  door.fake.addKey("narrow", { agentIds: new Set([door.fake.agentId]) });
  const tasksOf = (agentId: string, key: string) => door.call("GET", `/v1/agents/${agentId}/tasks`, undefined, { "x-api-key": key });
  for (const key of [door.key, "narrow"]) {
    const nobody = await tasksOf("01900000-0000-7000-8000-000000000000", key);
    expect([nobody.status, nobody.body]).toEqual([404, { detail: "Not found." }]);
    expect((await tasksOf(door.fake.agentId, key)).status).toBe(200);
  }
});
