import type { ConversationId } from "@parley/contracts";
import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ends, isEnd, logUntil, routerOver, stateOf, submit } from "./testing/start.ts";

/** Nobody runs anything here until a test does. */
let still: World;
let world: World;
beforeAll(async () => {
  [world, still] = await Promise.all([
    openWorld({ workers: 2 }),
    openWorld({ started: false, limits: { messageCharsMax: 20, filesPerMessageMax: 2 } }),
  ]);
});
afterAll(() => Promise.all([world?.close(), still?.close()]));
beforeEach(() => world.model.otherwise(({ lastUserText }) => ({ text: [`answer to ${lastUserText}`] })));

const runAll = (conversationId: string) =>
  still.workers[0]?.engine.runTurn({ organizationId: still.caller.organizationId, conversationId });
const rest = (conversationId: string) => logUntil(world, conversationId, isEnd);
const refusal = (code: string) => expect.objectContaining({ code });

describe("a suspended agent", () => {
  test("takes nothing new from any replica; the turn under way ends and what waits behind it is held until somebody asks", async () => {
    const agent = await still.agent();
    const { conversationId } = await submit(still, agent, "first");
    const existing = conversationId as ConversationId;
    await submit(still, agent, "second", { conversationId });
    await still.gateway.suspendAgent(still.caller, agent.id);
    for (const gateway of [still.gateway, still.otherGateway]) {
      for (const more of [{}, { conversationId: existing }, { conversationId: existing, mode: "steer" as const }])
        await expect(gateway.submitMessage(still.caller, still.input(agent, "new", more), { route: "test" })).rejects.toThrow(
          refusal("agent_suspended"),
        );
    }
    await runAll(conversationId);
    expect(await stateOf(still, conversationId)).toMatchObject({ state: "idle", held: true, turnNumber: 1, queueDepth: 1 });
    expect(ends(await logUntil(still, conversationId, isEnd))).toMatchObject([{ data: { more: false } }]);
    await expect(still.gateway.drainConversation(still.caller, conversationId)).rejects.toThrow(refusal("agent_suspended"));
    await still.gateway.resumeAgent(still.caller, agent.id);
    expect(await still.gateway.drainConversation(still.caller, conversationId)).toMatchObject({ action: "draining" });
  });

  test("is told the first answer when a message is sent again under its key", async () => {
    const agent = await still.agent();
    const input = still.input(agent, "once", { idempotencyKey: "kept" });
    const first = await still.gateway.submitMessage(still.caller, input, { route: "test" });
    await still.gateway.suspendAgent(still.caller, agent.id);
    expect(await still.gateway.submitMessage(still.caller, input, { route: "test" })).toMatchObject({
      turnId: first.turnId,
      replayed: true,
    });
  });

  test("is handed no work by other agents", async () => {
    const leaf = await world.agent({ name: "Leaf" });
    const router = await routerOver(world, [leaf], "sync");
    await world.gateway.suspendAgent(world.caller, leaf.id);
    const { conversationId } = await submit(world, router, "find");
    await rest(conversationId);
    expect(world.model.journal.at(-1)?.body.tools ?? []).not.toContainEqual(
      expect.objectContaining({ function: expect.objectContaining({ name: "leaf" }) }),
    );
  });
});

test("a deleted agent is not found, and its turn under way ends", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  await still.gateway.deleteAgent(still.caller, agent.id);
  await expect(submit(still, agent, "new")).rejects.toThrow(refusal("not_found"));
  await expect(still.gateway.getAgent(still.caller, agent.id)).rejects.toThrow(refusal("not_found"));
  await expect(still.gateway.deleteAgent(still.caller, agent.id)).rejects.toThrow(refusal("not_found"));
  await runAll(conversationId);
  expect((await still.gateway.getExecution(still.caller, conversationId)).status).toBe("completed");
});

test("messages are merged as far as the limits let one message be, and no further", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  const collect = (text: string) => submit(still, agent, text, { conversationId, mode: "collect" });
  await collect("nine char");
  await collect("ten chars.");
  await collect("more");
  await runAll(conversationId);
  const { messages } = await still.gateway.getThread(still.caller, { executionId: conversationId });
  const text = await stateOf(still, conversationId);
  expect(text).toMatchObject({ turnNumber: 2, queueDepth: 1 });
  expect(messages.at(-1)?.content).toBe("nine char\n\nten chars.");
});

describe("a reset", () => {
  test("leaves the turns behind as a branch: the model is told none of them, and they can still be read", async () => {
    const agent = await world.agent();
    const { conversationId } = await submit(world, agent, "the secret is tea");
    await rest(conversationId);
    expect(await world.gateway.resetConversation(world.caller, conversationId)).toMatchObject({ branch: 1 });
    await submit(world, agent, "what is it?", { conversationId });
    await expect.poll(async () => (await stateOf(world, conversationId)).state).toBe("idle");
    expect(JSON.stringify(world.model.journal.at(-1)?.body)).not.toContain("tea");
    const branches = await world.gateway.listBranches(world.caller, { conversationId, page: 1, perPage: 10 });
    expect(branches.items).toMatchObject([{ branch: 0, editedMessageId: null }]);
    const old = await world.gateway.getConversation(world.caller, { conversationId, branch: 0 });
    expect(JSON.stringify(old)).toContain("the secret is tea");
  });

  test("of a conversation with nothing in it changes nothing, and one whose turn is under way refuses it", async () => {
    const agent = await still.agent();
    const { conversationId } = await submit(still, agent, "first");
    await expect(still.gateway.resetConversation(still.caller, conversationId)).rejects.toThrow(refusal("turn_in_progress"));
    await runAll(conversationId);
    const reset = () => still.gateway.resetConversation(still.caller, conversationId);
    expect([await reset(), await reset()]).toMatchObject([{ branch: 1 }, { branch: 1 }]);
    await expect(still.gateway.resetConversation(still.stranger, conversationId)).rejects.toThrow(refusal("not_found"));
  });
});
