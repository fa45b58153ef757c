import { newId } from "@parley/contracts";
import { expect, test } from "vitest";
import { hello, startConversation, startDoor, types } from "./testing/start-door.ts";

/** A conversation at rest, and the way to edit its message. */
async function answered() {
  const door = await startDoor();
  const id = await startConversation(door);
  door.fake.conversation(id).finish("Hi");
  const path = `${door.base}/conversations/${id}/edit`;
  return { door, id, path, messageId: newId<string>() };
}

test("an edit waits for its turn and answers the finished execution", async () => {
  const { door, id, path, messageId } = await answered();
  const answer = door.call("POST", `${path}/${messageId}?expected_version=3&version=draft`, { ...hello, id: newId() });
  await expect.poll(() => door.fake.conversation(id).isResting).toBe(false);
  door.fake.conversation(id).finish("Hello again");
  expect(await answer).toMatchObject({ status: 200, body: { id, status: "completed", result: "Hello again" } });
  expect(door.fake.calls.at(-1)).toMatchObject({
    name: "submitMessage",
    input: { conversationId: id, text: "Hello", version: "draft", mode: "auto" },
    facts: { route: "turn.edit", edits: { messageId, expectedVersion: 3 } },
  });
});

test("an edit's stream tells its turn; the version may stand in the body, the key in the header", async () => {
  const { door, id, path, messageId } = await answered();
  const stream = await door.stream("POST", `${path}/${messageId}/stream`, { ...hello, expected_version: 4 }, { "idempotency-key": "k" });
  await stream.until(({ type }) => type === "task_created");
  door.fake.conversation(id).finish("Hello again");
  expect(types(await stream.rest())).toEqual(["connected", "task_created", "task_finished", "turn_finished"]);
  expect(door.fake.calls.findLast(({ name }) => name === "submitMessage")).toMatchObject({
    input: { idempotencyKey: "k" },
    facts: { route: "turn.editStream", edits: { messageId, expectedVersion: 4 } },
  });
});

test("an entry that the agent made is a 400, one that is not there a 404, on both routes", async () => {
  const { door, id, path } = await answered();
  door.fake.knowsNoMessage = true;
  const [cardId = ""] = door.fake.conversation(id).pause({ texts: ["Which?"] });
  for (const tail of ["", "/stream"]) {
    for (const entry of ["1-2", cardId]) {
      const answer = await door.call("POST", `${path}/${entry}${tail}`, hello);
      expect([entry, answer]).toMatchObject([entry, { status: 400, body: { detail: "Only a user's message can be edited." } }]);
    }
    for (const entry of ["1-0", "1-5", "1-99", "message", newId()]) {
      expect(await door.call("POST", `${path}/${entry}${tail}`, hello)).toMatchObject({ status: 404, body: { detail: "Not found." } });
    }
  }
  expect(door.fake.conversation(id).following).toBe(0);
});

test("what is wrong with an edit is a plain status, and its stream has not begun", async () => {
  const { door, path, messageId } = await answered();
  for (const tail of ["", "/stream"]) {
    expect((await door.call("POST", `${path}/${messageId}${tail}`, { input: { text: "" } })).status).toBe(422);
    const version = await door.call("POST", `${path}/${messageId}${tail}?expected_version=no`, hello);
    expect(version).toMatchObject({ status: 422, body: { detail: [{ loc: ["query", "expected_version"] }] } });
  }
});
