import { type ModelServerRequest, openWorld, type Reply, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { routerOver, start } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
  world.model.otherwise(remembering);
});
afterAll(() => world.close());
beforeEach(() => world.sql.owner`delete from memories`);

/** Remembers what it is told to. */
function remembering({ lastUserText, body }: ModelServerRequest): Reply {
  const [, text] = /^remember: (.*)$/.exec(lastUserText) ?? [];
  if (text === undefined || body.messages?.at(-1)?.role === "tool") return { text: "ok" };
  return { toolCalls: [{ name: "remember", arguments: { text } }] };
}

const agentOf = () => world.agent({ memory: { remember: true, scopes: ["organization"] } });

async function say(agent: { id: string }, text: string): Promise<string> {
  const { events, submitted } = await start(world, agent, text);
  await untilRest(events);
  return submitted.conversationId;
}

const forget = (executionId: string, memories: "forget" | "keep" = "forget") =>
  world.gateway.deleteExecution(world.caller, { executionId, memories });

const kept = async () => {
  const { items } = await world.gateway.listMemories(world.caller, { page: 1, perPage: 50 });
  return items.map(({ text, conversationId, turnNumber }) => ({ text, conversationId, turnNumber }));
};

test("with a conversation goes what was learned in it and nowhere else; what another taught too names that one from then on", async () => {
  const agent = await agentOf();
  const first = await say(agent, "remember: The office is closed.");
  const second = await say(agent, "remember: The office is closed.");
  await say(agent, "hello");
  const third = await say(agent, "remember: The door is green.");
  expect(await kept()).toMatchObject([
    { text: "The door is green.", conversationId: third, turnNumber: 1 },
    { text: "The office is closed.", conversationId: first, turnNumber: 1 },
  ]);
  await forget(first);
  expect(await kept()).toMatchObject([{ conversationId: third }, { text: "The office is closed.", conversationId: second, turnNumber: 1 }]);
  await forget(third);
  expect(await kept()).toMatchObject([{ conversationId: second }]);
  await forget(second);
  expect(await kept()).toEqual([]);
});

test("what is to be kept is kept, and names no conversation that is not there", async () => {
  const conversationId = await say(await agentOf(), "remember: The office is closed.");
  await forget(conversationId, "keep");
  expect(await kept()).toEqual([{ text: "The office is closed.", conversationId: null, turnNumber: null }]);
});

test("what the years take away is still remembered", async () => {
  const conversationId = await say(await agentOf(), "remember: The office is closed.");
  await world.sql.owner`update executions set updated_at = now() - interval '9 days' where id = ${conversationId}`;
  const key = { organizationId: world.caller.organizationId, conversationId };
  await world.database.turns.retain(key, { conversationsKeptDays: 1, eventsKeptDays: 0 }, 1_000);
  await expect(world.gateway.getExecution(world.caller, conversationId)).rejects.toMatchObject({ code: "not_found" });
  expect(await kept()).toEqual([{ text: "The office is closed.", conversationId: null, turnNumber: null }]);
});

test("what a background child has learned goes with the conversation above it", async () => {
  const child = await world.agent({ name: "Worker", memory: { remember: true, scopes: ["organization"] } });
  const router = await routerOver(world, [child], "async");
  // What its root says next is said by nobody's order: the child may ask first.
  world.model.script({ toolCalls: [{ name: "worker", arguments: { query: "remember: The door is green." } }] });
  const conversationId = await say(router, "go");
  await expect.poll(kept, { timeout: 10_000 }).toHaveLength(1);
  const finished = async () => (await world.gateway.getExecution(world.caller, conversationId)).finishedChildIds;
  await expect.poll(finished, { timeout: 10_000 }).toHaveLength(1);
  await forget(conversationId);
  expect(await kept()).toEqual([]);
});

test("two conversations that are deleted at once leave nothing that only they have taught", async () => {
  const agent = await agentOf();
  for (let round = 0; round < 5; round += 1) {
    const both = [await say(agent, "remember: The office is closed."), await say(agent, "remember: The office is closed.")];
    await Promise.all(both.map((id) => forget(id)));
    expect(await kept()).toEqual([]);
  }
});
