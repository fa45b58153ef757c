import { type Cursor, newId, type ThreadEntry } from "@parley/contracts";
import { openWorld, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { routerOver, start } from "./testing/start.ts";

const TURNS = 3;

let world: World;
beforeAll(async () => {
  world = await openWorld({ limits: { threadTurnsMax: TURNS, threadBytesMax: 20_000, threadChildrenMax: 4, pageMax: 2 } });
  world.model.otherwise(({ lastUserText }) => ({
    text: [lastUserText.startsWith("long") ? "x".repeat(15_000) : `answer to ${lastUserText}`],
  }));
});
afterAll(() => world.close());

async function converse(texts: string[], agent?: { id: string }): Promise<string> {
  const who = agent ?? (await world.agent());
  const conversationId = newId<never>();
  for (const text of texts) await untilRest((await start(world, who, text, { conversationId, invoke: true })).events);
  return conversationId;
}

const view = (conversationId: string, before?: Cursor) => world.gateway.getConversation(world.caller, { conversationId, before });
const said = (thread: ThreadEntry[]) => thread.flatMap((entry) => (entry.kind === "user" ? [entry.text] : []));

/** Every part from the newest to the oldest. */
async function parts<Part extends { older: string | null }>(read: (before?: Cursor) => Promise<Part>): Promise<Part[]> {
  const all = [await read()];
  for (let older = all[0]?.older; older; older = all.at(-1)?.older) all.push(await read(older as Cursor));
  return all;
}

test("a long thread is given from its end, a part at a time, with nothing doubled or left out", async () => {
  const texts = ["one", "two", "three", "four", "five", "six", "seven"];
  const conversationId = await converse(texts);
  const shown = await parts(async (before) => (await view(conversationId, before)).root);
  expect(shown.map(({ thread }) => said(thread))).toEqual([["five", "six", "seven"], ["two", "three", "four"], ["one"]]);
  expect(shown.map(({ thread }) => thread.length)).toEqual([6, 6, 2]);

  const messages = (await parts((before) => world.gateway.getThread(world.caller, { executionId: conversationId, before })))
    .toReversed()
    .flatMap((part) => part.messages);
  expect(messages.map(({ id, content }) => [id, content])).toEqual(
    texts.flatMap((text, index) => [
      [`${conversationId}_user_${index + 1}`, text],
      [`${conversationId}_agent_${index + 1}`, `answer to ${text}`],
    ]),
  );
});

test("turns that are too large for one part are left for the next, and one that is larger by itself is given whole", async () => {
  const conversationId = await converse(["first", "long one", "long two", "last"]);
  const shown = await parts(async (before) => (await view(conversationId, before)).root);
  expect(shown.map(({ thread }) => said(thread))).toEqual([
    ["long two", "last"],
    ["first", "long one"],
  ]);
  world.model.script({ text: ["y".repeat(50_000)] });
  await untilRest((await start(world, { id: (await view(conversationId)).root.execution.agentId }, "huge", { conversationId })).events);
  const newest = (await view(conversationId)).root;
  expect([said(newest.thread), newest.thread.at(-1)]).toMatchObject([["huge"], { kind: "agent", text: "y".repeat(50_000) }]);
});

test("a part has the children of its own turns, and usage counts all there are", async () => {
  const leaf = await world.agent({ name: "Leaf" });
  const router = await routerOver(world, [leaf], "sync");
  const dig = { name: "leaf", arguments: { query: "dig" } };
  world.model.when(({ lastUserText }) => lastUserText === "dig", { text: ["gold"] });
  const conversationId = newId<never>();
  for (const text of ["one", "two", "three"]) {
    world.model.script({ toolCalls: [dig, dig] }, { text: ["gold"] }, { text: ["gold"] }, { text: ["found"] });
    await untilRest((await start(world, router, text, { conversationId, invoke: true })).events);
  }
  // Two turns of two children each fit: a third would be beyond the bound.
  const newest = await view(conversationId);
  expect([said(newest.root.thread), newest.children.length, newest.childrenLeftOut]).toEqual([["two", "three"], 4, 0]);
  const elder = await view(conversationId, newest.root.older as Cursor);
  expect([said(elder.root.thread), elder.children.length]).toEqual([["one"], 2]);
  expect(elder.usage).toEqual(newest.usage);
  expect([newest.usage.modelCalls, newest.root.usage.modelCalls]).toEqual([12, 6]);

  const { threads, older } = await world.gateway.getFullThread(world.caller, { executionId: conversationId });
  expect([Object.keys(threads).length, older]).toEqual([5, newest.root.older]);
  const [child] = elder.children;
  const childId = child?.execution.id ?? "";
  expect(child?.thread.map(({ kind }) => kind)).toEqual(["user", "agent"]);
  const alone = await world.gateway.getThread(world.caller, { executionId: childId });
  expect(alone).toEqual({
    messages: [
      { id: `${childId}_user_1`, role: "user", content: "dig", files: [], at: expect.any(String) },
      { id: `${childId}_agent_1`, role: "assistant", content: "gold", files: [], at: expect.any(String), usage: child?.usage },
    ],
    older: null,
  });
});

test("children of one turn that are too many are counted, and the tools of a turn are named", async () => {
  const router = await routerOver(world, [await world.agent({ name: "Leaf" })], "async");
  const calls = Array.from({ length: 6 }, () => ({ name: "leaf", arguments: { query: "dig" } }));
  world.model.script({ toolCalls: [...calls, { name: "nothing", arguments: {} }] });
  const { submitted, events } = await start(world, router, "go");
  await untilRest(events);
  const { conversationId } = submitted;
  const row = () => world.gateway.getExecution(world.caller, conversationId);
  await expect.poll(async () => (await row()).finishedChildIds.length).toBe(6);
  const { root, children, childrenLeftOut } = await view(conversationId);
  expect([children.length, childrenLeftOut]).toEqual([4, 2]);
  expect(children[0]?.thread.map(({ kind }) => kind)).toEqual(["user", "agent"]);
  expect([root.execution.usedTools, (await row()).usedTools]).toEqual(Array(2).fill(["leaf", "nothing"]));
  const child = await world.gateway.getExecution(world.caller, children[0]?.execution.id ?? "");
  expect([child.usedTools, children[0]?.execution.usedTools]).toEqual([[], []]);
  await untilRest((await start(world, router, "now without", { conversationId })).events);
  expect((await row()).usedTools).toEqual([]);
});

test("an execution's row names its newest children, however many it has had", async () => {
  const conversationId = await converse(["one"]);
  await world.sql.owner`
    insert into executions (id, organization_id, conversation_id, agent_id, agent_version, parent_id, mode, status, input, created_at)
    select uuidv7(interval '1 minute' * n), ${world.caller.organizationId}, ${conversationId}, ${newId<string>()}, 1, ${conversationId}, 'sync',
      case when n = 250 then 'executing' else 'completed' end, '{}', now() + n * interval '1 minute' from generate_series(1, 250) n`;
  const { childIds, finishedChildIds } = await world.gateway.getExecution(world.caller, conversationId);
  expect([childIds.length, finishedChildIds.length]).toEqual([1, 199]);
});

test("agents and keys are listed by pages, for a key of some agents only those", async () => {
  const { gateway, stranger } = world;
  const agents = [];
  for (const name of ["a", "b", "c"]) agents.push(await world.agent({ name }));
  const list = async (page: number, caller = world.caller) => {
    const { items, total } = await gateway.listAgents(caller, { page, perPage: 2 });
    return { ids: items.map(({ id }) => id), total };
  };
  const { total } = await list(1);
  expect(await list(Math.ceil(total / 2))).toMatchObject({ ids: expect.arrayContaining([agents[2]?.id]) });
  const ids = [agents[0]?.id ?? "", agents[2]?.id ?? ""];
  expect(await list(1, { ...world.caller, agentIds: new Set(ids) })).toEqual({ ids, total: 2 });
  expect(await list(1, { ...world.caller, agentIds: new Set() })).toEqual({ ids: [], total: 0 });

  const { organizationId } = stranger;
  for (const name of ["k1", "k2", "k3"]) await gateway.createKey(organizationId, { name, scopes: [] }, null);
  const keys = async (page: number) => (await gateway.listKeys(organizationId, { page, perPage: 2 })).items.map(({ name }) => name);
  expect([await keys(1), await keys(2), await keys(3)]).toEqual([["k1", "k2"], ["k3"], []]);
  for (const read of [
    gateway.listAgents(world.caller, { page: 1, perPage: 3 }),
    gateway.listKeys(organizationId, { page: 1, perPage: 3 }),
  ]) {
    await expect(read).rejects.toMatchObject({ code: "invalid_input" });
  }
});
