import { agentConfig } from "@parley/contracts";
import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { isEnd, logUntil, start, stateOf, submit } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => world.model.otherwise({ tokens: 3 }));

let keys = 0;
const once = (route: string) => {
  keys += 1;
  return { route, key: `key-${keys}` };
};
const times = <Answer>(count: number, work: () => Promise<Answer>) => Promise.all(Array.from({ length: count }, work));

test("fifty stops with one key are one stop: the turn that comes next is not touched", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 4_000, delayMs: 5 });
  const { events, submitted } = await start(world, agent, "talk");
  for await (const event of events) if (event.type === "turn.delta") break;
  const { conversationId, turnId } = submitted;
  const key = once("conversation.stop");
  const stop = () => world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false }, key);
  const answers = await times(50, stop);
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  for (const answer of answers) expect(answer).toMatchObject({ stopped: true, turnId });
  await logUntil(world, conversationId, isEnd);
  world.model.script({ tokens: 40, delayMs: 10 });
  const next = await submit(world, agent, "again", { conversationId });
  expect(await stop()).toMatchObject({ stopped: true, turnId, replayed: true });
  const execution = await world.gateway.awaitTurn(world.caller, {
    conversationId,
    turnId: next.turnId,
    waitMs: 10_000,
    signal: new AbortController().signal,
  });
  expect(execution).toMatchObject({ status: "completed", turnId: next.turnId });
  await expect(world.gateway.stopConversation(world.caller, { conversationId, clearQueue: true }, key)).rejects.toMatchObject({
    code: "idempotency_mismatch",
  });
});

test("fifty creations with one key make one agent, and each is told of that one", async () => {
  const count = async () => (await world.gateway.listAgents(world.caller, { page: 1, perPage: 1 })).total;
  const before = await count();
  const key = once("agent.create");
  const input = { name: "Only one", description: "", config: agentConfig.parse({}) };
  const made = await times(50, () => world.gateway.createAgent(world.caller, input, key));
  expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  expect(await count()).toBe(before + 1);
  await expect(world.gateway.createAgent(world.caller, { ...input, name: "Another" }, key)).rejects.toMatchObject({
    code: "idempotency_mismatch",
  });
  // The change is seen by whoever asked for it, also within the transaction.
  const change = once("agent.update");
  const update = () => world.gateway.updateAgent(world.caller, { agentId: made[0]?.id ?? "", description: "changed" }, change);
  expect(await update()).toMatchObject({ description: "changed" });
  expect(await update()).toMatchObject({ description: "changed" });
});

test("a key's replay names the key and does not show it again", async () => {
  const { organizationId } = world.caller;
  const key = once("key.create");
  const create = () => world.gateway.createKey(organizationId, { name: "k", scopes: ["conversations:read"] }, null, key);
  const [first, second] = [await create(), await create()];
  expect(first.apiKey).toMatch(/^agw_/);
  expect(second).toMatchObject({ id: first.id, prefix: first.prefix, apiKey: null });
  const rows = await world.sql.owner`select answer::text as answer from idempotency_keys`;
  expect(rows.map(({ answer }) => answer).join()).not.toContain(first.apiKey?.slice(14));
});

test("keys of two callers, two routes and two organizations never meet", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "hello");
  await logUntil(world, conversationId, isEnd);
  await submit(world, agent, "waits", { conversationId, mode: "queue" });
  const shared = once("conversation.stop");
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false }, shared);
  const other = { ...world.caller, principalId: "key_other" };
  expect(await world.gateway.stopConversation(other, { conversationId, clearQueue: true }, shared)).toMatchObject({
    queueCleared: 1,
    replayed: false,
  });
  expect(await world.gateway.clearQueue(world.caller, conversationId, { ...shared, route: "conversation.clearQueue" })).toMatchObject({
    cancelled: 0,
  });
  await expect(world.gateway.stopConversation(world.stranger, { conversationId, clearQueue: false }, shared)).rejects.toMatchObject({
    code: "not_found",
  });
});

test("a refused call keeps nothing: its key may be used again", async () => {
  const agent = await world.agent();
  const { conversationId, messageId } = await submit(world, agent, "hello");
  await logUntil(world, conversationId, isEnd);
  const key = once("conversation.cancelMessage");
  const cancel = (id: string) => world.gateway.cancelMessage(world.caller, { conversationId, messageId: id }, key);
  await expect(cancel(messageId)).rejects.toMatchObject({ code: "message_not_waiting" });
  const waiting = await submit(world, agent, "waits", { conversationId, mode: "queue" });
  expect(await cancel(waiting.messageId)).toMatchObject({ cancelled: 1, replayed: false });
  expect(await cancel(waiting.messageId)).toMatchObject({ cancelled: 1, replayed: true });
});

test("a drain, an answer and the deletion of a conversation are done once, too", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "waits", { mode: "queue" });
  const drain = once("conversation.drain");
  expect(await world.gateway.drainConversation(world.caller, conversationId, drain)).toMatchObject({ action: "draining", replayed: false });
  expect(await world.gateway.drainConversation(world.caller, conversationId, drain)).toMatchObject({ action: "draining", replayed: true });
  await logUntil(world, conversationId, isEnd);
  world.model.script({ toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which?" }] } }] });
  await submit(world, agent, "ask", { conversationId });
  await expect.poll(async () => (await stateOf(world, conversationId)).cards.length).toBe(1);
  const [card] = (await stateOf(world, conversationId)).cards;
  const key = once("card.answer");
  const input = { conversationId: conversationId as never, cardId: card?.id as never, answers: [{ questionId: "q", freeText: "this" }] };
  const answers = await times(20, () => world.gateway.answerCard(world.caller, input, key));
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
  for (const answer of answers) expect(answer).toMatchObject({ outcome: "answered", resumed: true, cursor: answers[0]?.cursor });
  await expect.poll(async () => (await stateOf(world, conversationId)).state).toBe("idle");
  const deletion = once("execution.delete");
  await world.gateway.deleteExecution(world.caller, { executionId: conversationId, memories: "forget" }, deletion);
  await world.gateway.deleteExecution(world.caller, { executionId: conversationId, memories: "forget" }, deletion);
  await expect(world.gateway.deleteExecution(world.caller, { executionId: conversationId, memories: "forget" })).rejects.toMatchObject({
    code: "not_found",
  });
});
