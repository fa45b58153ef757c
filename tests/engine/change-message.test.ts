import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stateOf, submit } from "./testing/start.ts";

/** Nobody runs anything here. */
let still: World;
beforeAll(async () => {
  still = await openWorld({ started: false });
});
afterAll(() => still.close());

test("a message that waits is never changed into one that says nothing, whichever of text and files is taken away", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  const { messageId } = await submit(still, agent, "waits", { conversationId });
  const change = (what: object) =>
    still.gateway.changeMessage(still.caller, { conversationId: conversationId as never, messageId: messageId as never, ...what });
  const refused = { code: "invalid_input", issues: [{ path: ["text"] }] };
  const files = ["https://files.example/a.pdf"];

  await expect(change({ text: "" })).rejects.toMatchObject(refused);
  await expect(change({ text: "", files: [] })).rejects.toMatchObject(refused);
  await change({ text: "", files });
  await expect(change({ files: [] })).rejects.toMatchObject(refused);
  expect((await stateOf(still, conversationId)).queue).toMatchObject([{ id: messageId, text: "", files }]);
  await change({ text: "says something", files: [] });
  expect((await stateOf(still, conversationId)).queue).toMatchObject([{ text: "says something", files: [], position: 1 }]);
});
