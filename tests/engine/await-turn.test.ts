import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { stateOf, staying, submit } from "./testing/start.ts";

/** Nobody runs anything here until a test does, and nobody looks whether a publish was lost: only events can wake who waits. */
let still: World;
beforeAll(async () => {
  still = await openWorld({ started: false });
  vi.spyOn(still.database.logs, "heads").mockRejectedValue(new Error("Not looked at."));
  still.model.otherwise(({ lastUserText }) => ({ text: [`answer to ${lastUserText}`] }));
});
afterAll(() => still.close());

/** Beyond every test's own time. */
const WAIT_MS = 120_000;

const engine = () => still.engines[0] ?? expect.fail("There is no engine.");
const keyOf = (conversationId: string) => ({ organizationId: still.caller.organizationId, conversationId });

/** A first message that runs as soon as somebody runs it, and one behind it that is waited for. */
async function waitFor(mode: "auto" | "collect" | "steer") {
  const agent = await still.agent();
  const first = await submit(still, agent, "first");
  const { conversationId } = first;
  const before = mode === "collect" ? await submit(still, agent, "before", { conversationId }) : first;
  const { messageId, turnId } = await submit(still, agent, "mine", { conversationId, mode });
  const attached = still.attached();
  const waiting = still.gateway.awaitTurn(still.caller, { conversationId, turnId, waitMs: WAIT_MS, signal: staying() });
  await expect.poll(() => still.attached()).toBe(attached + 1);
  return { conversationId, messageId, turnId, into: before.turnId, waiting };
}

test("who waits for a message that is merged is told when the turn that it went into ends", async () => {
  const { conversationId, into, waiting } = await waitFor("collect");
  await engine().runTurn(keyOf(conversationId));
  await engine().runTurn(keyOf(conversationId));
  expect(await waiting).toMatchObject({ turnId: into, status: "completed", result: "answer to before\n\nmine" });
});

test("who waits for a message that steers is told when the turn that took it ends", async () => {
  const { conversationId, into, waiting } = await waitFor("steer");
  await engine().runTurn(keyOf(conversationId));
  expect(await waiting).toMatchObject({ turnId: into, status: "completed", result: "answer to mine" });
});

test("who waits for a message that is taken while it is looked for is told of the turn's end, and not of its middle", async () => {
  const answering = Promise.withResolvers<void>();
  still.model.when(({ lastUserText }) => lastUserText === "mine", { text: ["answer to mine"], after: answering.promise });
  const { conversations } = still.database;
  const isWaiting = conversations.isWaiting.bind(conversations);
  const looked = vi.spyOn(conversations, "isWaiting").mockImplementationOnce(async (key, turnId) => {
    void engine().runTurn(key);
    await expect.poll(() => isWaiting(key, turnId)).toBe(false);
    return false;
  });
  const { into, waiting } = await waitFor("steer");
  await expect.poll(() => looked.mock.settledResults[0]?.type).toBe("fulfilled");
  looked.mockRestore();
  answering.resolve();
  expect(await waiting).toMatchObject({ turnId: into, status: "completed", result: "answer to mine" });
});

test("who waits for a message that came too late to steer is told of its own turn's end", async () => {
  const { conversationId, turnId, waiting } = await waitFor("steer");
  await still.gateway.stopConversation(still.caller, { conversationId, clearQueue: false });
  expect(await stateOf(still, conversationId)).toMatchObject({ state: "idle", held: true, queueDepth: 1 });
  await engine().drainQueue(keyOf(conversationId));
  expect(await stateOf(still, conversationId)).toMatchObject({ state: "idle", held: true });
  await still.gateway.drainConversation(still.caller, conversationId);
  await engine().drainQueue(keyOf(conversationId));
  await engine().runTurn(keyOf(conversationId));
  expect(await waiting).toMatchObject({ turnId, status: "completed", result: "answer to mine" });
});

test.each(["auto", "steer"] as const)("who waits for a message that is cleared is answered at once (%s)", async (mode) => {
  const { conversationId, turnId, waiting } = await waitFor(mode);
  await still.gateway.clearQueue(still.caller, conversationId);
  expect(await waiting).toMatchObject({ turnId, status: "pending", result: null });
});

test("who waits for a message that expires is answered when it does", async () => {
  const { conversationId, messageId, turnId, waiting } = await waitFor("auto");
  await still.gateway.stopConversation(still.caller, { conversationId, clearQueue: false });
  await still.sql.owner`update messages set expires_at = now() - interval '1 second' where id = ${messageId}`;
  await engine().reapTurn(keyOf(conversationId));
  expect(await waiting).toMatchObject({ turnId, status: "pending", result: null });
});
