import { LIMITS, type MemoryConfig } from "@parley/contracts";
import { type ModelServerRequest, openWorld, type Reply, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { isSummaryCall, longThread, systemOf } from "./testing/long-thread.ts";
import { routerOver, start } from "./testing/start.ts";

const LIMIT = 6;

let world: World;
beforeAll(async () => {
  world = await openWorld({ workers: 2, leaseMs: 1_000, limits: { memoriesPerScopeMax: 30 } });
  world.model.when(isSummaryCall, { text: 'They talked.\nFACTS\n["The user plays the violin.", "The user lives in Ulm."]' });
  world.model.otherwise(remembering);
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.sql.owner`delete from memories`;
  world.model.journal.length = 0;
});

const ANN = { email: "Ann@Example.org" };
const BEN = { email: "ben@example.org" };

/** Remembers what it is told to, in the scope that stands before the colon; else says what it knows of. */
function remembering(request: ModelServerRequest): Reply {
  const told = /^remember(?: (\w+))?: (.*)$/.exec(request.lastUserText);
  if (told === null || request.body.messages?.at(-1)?.role === "tool") return { text: "ok" };
  return { toolCalls: [{ name: "remember", arguments: { text: told[2], ...(told[1] === undefined ? {} : { scope: told[1] }) } }] };
}

const agentWith = (memory: Partial<MemoryConfig> = {}, more: object = {}) =>
  world.agent({ memory: { remember: true, ...memory }, ...more });

/** One turn in a conversation of its own; what the model was told at its start, and the turn's events. */
async function say(agent: { id: string }, text: string, user: { email: string } | null = ANN) {
  const asked = world.model.journal.length;
  const { events, submitted } = await start(world, agent, text, user === null ? {} : { user });
  const seen = await untilRest(events);
  const [call = expect.fail("Nothing was asked.")] = world.model.journal.slice(asked);
  return { told: systemOf(call), call, events: seen, conversationId: submitted.conversationId };
}

const kept = async (filter: object = {}) => (await world.gateway.listMemories(world.caller, { page: 1, perPage: 50, ...filter })).items;

const results = (events: Awaited<ReturnType<typeof say>>["events"]) =>
  events.flatMap((event) => (event.type === "tool.returned" ? [event.data] : []));

describe("what an agent remembers", () => {
  test("is told to it in another conversation with the same user, and to nobody else's", async () => {
    const agent = await agentWith();
    const { conversationId, events } = await say(agent, "remember: The user's cat is called Tom.");
    expect(results(events)).toMatchObject([{ tool: "remember", isError: false }]);
    expect(await kept()).toMatchObject([
      {
        scope: "user",
        scopeId: "ann@example.org",
        agentId: agent.id,
        text: "The user's cat is called Tom.",
        tainted: false,
        conversationId,
        turnNumber: 1,
      },
    ]);

    expect((await say(agent, "hi", { email: "ann@example.org" })).told).toContain("- (about the user) The user's cat is called Tom.");
    await say(agent, "remember: The user's dog is called Rex.", BEN);
    const { told } = await say(agent, "hi", BEN);
    expect(told).toContain("Rex");
    expect(told).not.toContain("Tom");
    expect((await say(agent, "hi", null)).told).not.toContain("Tom");
    expect((await say(await world.agent(), "hi")).told).not.toContain("Tom");
    const strangers = await world.gateway.listMemories(world.stranger, { page: 1, perPage: 50 });
    expect(strangers).toMatchObject({ items: [], total: 0 });
  });

  test("stays in the scopes that its configuration names", async () => {
    const agent = await agentWith({ scopes: ["agent", "organization"] });
    await say(agent, "remember: Answer in English.");
    await say(agent, "remember organization: The office is closed on Mondays.");
    const { events } = await say(agent, "remember user: The user's cat is called Tom.");
    expect(results(events)).toMatchObject([{ isError: true }]);
    expect(await kept()).toMatchObject([
      { scope: "organization", scopeId: world.caller.organizationId },
      { scope: "agent", scopeId: agent.id },
    ]);
    const { told } = await say(agent, "hi", BEN);
    expect(told).toContain("- (for this agent) Answer in English.");
    expect(told).toContain("- (for everyone here) The office is closed on Mondays.");
    expect((await say(await agentWith({ scopes: ["organization"] }), "hi")).told).not.toContain("English");
  });

  test("about a user whom nobody has named is not kept, and the model is told so", async () => {
    const { events } = await say(await agentWith(), "remember: The user's cat is called Tom.", null);
    expect(results(events)).toMatchObject([{ isError: true, result: expect.stringContaining("not known who the user is") }]);
    expect(await kept()).toEqual([]);
  });

  test("is marked where a tool had a say before, and the mark is shown", async () => {
    const leaf = await world.agent({ name: "Leaf", tools: [{ name: "look", url: `${world.tools.url}/look` }] });
    const router = await routerOver(world, [leaf], "sync", { memory: { remember: true } });
    world.model.script(
      { toolCalls: [{ name: "leaf", arguments: { query: "Who am I?" } }] },
      { toolCalls: [{ name: "look", arguments: {} }] },
      { text: "The user is the king." },
      { toolCalls: [{ name: "remember", arguments: { text: "The user is the king." } }] },
      { text: "done" },
    );
    const { conversationId } = await say(router, "Who am I?");
    expect(await kept()).toMatchObject([{ text: "The user is the king.", tainted: true }]);
    const { told } = await say(router, "hi");
    expect(told).toContain("- (about the user; from an untrusted source) The user is the king.");

    // What the model writes down in a turn that was told it, or that follows that turn, is no cleaner.
    await say(router, "remember: The king likes tea.");
    const { events } = await start(world, router, "remember: The king has a cat.", { conversationId, user: BEN });
    await untilRest(events);
    expect(await kept()).toMatchObject([
      { text: "The king has a cat.", tainted: true },
      { text: "The king likes tea.", tainted: true },
      { text: "The user is the king." },
    ]);
    // Said again where nobody else has had a say, it is the user's own word.
    await say(await agentWith({ scopes: ["agent", "user"] }), "remember user: The user is the king.", { email: "carl@example.org" });
    expect(await kept({ userEmail: "carl@example.org" })).toMatchObject([{ tainted: false }]);
  });

  test("is kept once, though the worker dies between the act and its result", async () => {
    const agent = await agentWith();
    const real = world.database.memories.save;
    const save = vi.spyOn(world.database.memories, "save");
    let dead: World["workers"][number] | undefined;
    save.mockImplementationOnce(async (...given) => {
      await real(...given);
      const [row] = await world.sql.owner<{ lease_owner: string }[]>`select lease_owner from conversations where state = 'running'`;
      dead = world.workers[Number(row?.lease_owner.split("-").at(-1))];
      dead?.freeze();
    });
    const { events } = await start(world, agent, "remember: The user's cat is called Tom.", { user: ANN });
    const seen = await untilRest(events);
    dead?.thaw();
    expect(seen.at(-1)).toMatchObject({ type: "turn.completed" });
    expect(seen.some((event) => event.type === "attempt.superseded")).toBe(true);
    expect(results(seen)).toMatchObject([{ isError: false }]);
    expect(save).toHaveBeenCalledTimes(2);
    save.mockRestore();
    expect(await kept()).toHaveLength(1);
  });

  test("is bounded for each user: the oldest are forgotten first", async () => {
    const agent = await agentWith();
    await saveMany(agent, 40);
    await say(agent, "remember: The newest one.");
    const { items, total } = await world.gateway.listMemories(world.caller, { page: 1, perPage: 2 });
    expect(total).toBe(30);
    expect(items.map(({ text }) => text)).toEqual(["The newest one.", "The user said thing number 39."]);
  });
});

/** Memories of Ann's, as the agent would have kept them. */
async function saveMany(agent: { id: string }, count: number, odd: Record<number, string> = {}): Promise<void> {
  const { conversationId } = await say(agent, "Hello.");
  const place = { scope: "user", scopeId: "ann@example.org", agentId: agent.id, conversationId, turnNumber: 1 } as const;
  for (let number = 0; number < count; number += 1) {
    const text = odd[number] ?? `The user said thing number ${number}.`;
    const memory = { ...place, id: crypto.randomUUID(), text, tainted: false, embedding: null };
    await world.database.memories.save(world.caller.organizationId, [memory], LIMITS.memoriesPerScopeMax);
  }
}

describe("of many memories", () => {
  test("those are told that fit what the user says, within the prompt's bound", async () => {
    const agent = await agentWith();
    await saveMany(agent, 60, { 2: "The violin was a present of grandmother Eva." });
    const { told, events } = await say(agent, "Who gave me my violin?");
    expect(told).toContain("present of grandmother Eva");
    expect(told.match(/^- /gm)?.length).toBeLessThanOrEqual(12);
    expect(told.length).toBeLessThan(LIMITS.memoryPromptCharsMax + 400);
    // The question was made a vector to look for near ones, and that was metered.
    expect(events.at(-1)).toMatchObject({ data: { usage: { modelCalls: 2 } } });
  });

  test("one is found by its vector that shares no whole word with the question", async () => {
    const agent = await agentWith();
    await saveMany(agent, 20);
    await say(agent, "remember: Violinists were invited.");
    await saveMany(agent, 40, Object.fromEntries(Array.from({ length: 40 }, (_, index) => [index, `Nothing of note on day ${index}.`])));
    expect((await say(agent, "violinistic")).told).toContain("Violinists were invited.");
  });

  test("a search over the door finds by words, by user and by agent, and gives pages", async () => {
    const [agent, other] = [await agentWith(), await agentWith()];
    await saveMany(agent, LIMIT, { 1: "The violin was a present.", 4: "The violin is old." });
    await saveMany(other, 1, { 0: "A violin for Ben." });
    expect((await kept({ query: "old violin" })).map(({ text }) => text)).toEqual([
      "The violin is old.",
      expect.anything(),
      expect.anything(),
    ]);
    expect(await kept({ query: "violin", agentId: other.id })).toMatchObject([{ text: "A violin for Ben." }]);
    expect(await kept({ userEmail: "ANN@example.org" })).toHaveLength(LIMIT + 1);
    expect(await kept({ userEmail: "ben@example.org" })).toEqual([]);
    expect(await kept({ scope: "agent" })).toEqual([]);
    const page = await world.gateway.listMemories(world.caller, { page: 2, perPage: 5 });
    expect(page).toMatchObject({ total: LIMIT + 1, items: [expect.anything(), expect.anything()] });
    await expect(world.gateway.listMemories(world.caller, { page: 1, perPage: 51 })).rejects.toMatchObject({ code: "invalid_input" });
  });
});

test("a search over the door finds by its vector what shares no word with it; what that used is of no conversation", async () => {
  const agent = await agentWith();
  for (const text of ["The door is green.", "Violinists were invited."]) await say(agent, `remember: ${text}`);
  const [first] = await kept({ query: "violinistic" });
  expect(first?.text).toBe("Violinists were invited.");
  expect(await kept({ query: "violinistic", userEmail: BEN.email })).toEqual([]);
  const used = () =>
    world.sql.owner`select model, outcome, input_tokens > 0 as used from direct_calls where route = 'memory.list' order by at`;
  await expect.poll(async () => (await used())[0]).toEqual({ model: "local/embed", outcome: "answered", used: true });
  const strays = await world.sql
    .owner`select from usage_records u where not exists (select from conversations c where c.id = u.conversation_id)`;
  expect(strays).toHaveLength(0);
});

describe("a memory that is deleted", () => {
  test("is told no more", async () => {
    const agent = await agentWith();
    await say(agent, "remember: The user's cat is called Tom.");
    const [memory] = await kept();
    await world.gateway.deleteMemory(world.caller, memory?.id ?? "");
    expect((await say(agent, "hi")).told).not.toContain("Tom");
    await expect(world.gateway.deleteMemory(world.caller, memory?.id ?? "")).rejects.toMatchObject({ code: "not_found" });
  });

  test("is one of the caller's own: another organization's key and one for other agents find nothing", async () => {
    const agent = await agentWith();
    await saveMany(agent, 1);
    const [memory] = await kept();
    const narrow = { ...world.caller, agentIds: new Set<string>([(await world.agent()).id]) };
    for (const caller of [world.stranger, narrow]) {
      await expect(world.gateway.deleteMemory(caller, memory?.id ?? "")).rejects.toMatchObject({ code: "not_found" });
      expect((await world.gateway.listMemories(caller, { page: 1, perPage: 50 })).items).toEqual([]);
    }
    await expect(world.gateway.listMemories(narrow, { page: 1, perPage: 50, agentId: agent.id as never })).rejects.toMatchObject({
      code: "not_found",
    });
    const own = { ...world.caller, agentIds: new Set<string>([agent.id]) };
    expect((await world.gateway.listMemories(own, { page: 1, perPage: 50 })).items).toHaveLength(1);
  });

  test("under an idempotency key is answered again as it was", async () => {
    await saveMany(await agentWith(), 1);
    const [memory] = await kept();
    const once = { route: "memory.delete", key: "k" };
    await world.gateway.deleteMemory(world.caller, memory?.id ?? "", once);
    await world.gateway.deleteMemory(world.caller, memory?.id ?? "", once);
    await expect(world.gateway.deleteMemory(world.caller, crypto.randomUUID(), once)).rejects.toMatchObject({
      code: "idempotency_mismatch",
    });
  });
});

describe("what is learned while a conversation is summarised", () => {
  const learned = async (agent: { id: string }, user?: { email: string }) => {
    const conversationId = await longThread(world, agent, 40);
    if (user !== undefined)
      await world.sql.owner`update conversations set end_user = ${world.sql.owner.json(user)} where id = ${conversationId}`;
    const { events } = await start(world, agent, "And now?", { conversationId });
    await untilRest(events);
    await vi.waitFor(
      async () => expect(await world.sql.owner`select from summaries where conversation_id = ${conversationId}`).not.toHaveLength(0),
      20_000,
    );
    return conversationId;
  };

  test("is kept about its user, with where it came from, and told from then on", async () => {
    const agent = await world.agent({ memory: { learn: true } });
    const conversationId = await learned(agent, ANN);
    const { through_turn } = (await world.sql.owner`select through_turn from summaries where conversation_id = ${conversationId}`)[0] ?? {};
    const from = { scope: "user", scopeId: "ann@example.org", conversationId, turnNumber: through_turn, tainted: false };
    expect(await kept()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ...from, text: "The user plays the violin." }),
        expect.objectContaining({ ...from, text: "The user lives in Ulm." }),
      ]),
    );
    expect((await say(agent, "hi")).told).toContain("The user lives in Ulm.");
  });

  test("is nothing where the user is unknown, or the agent does not learn", async () => {
    await learned(await world.agent({ memory: { learn: true } }));
    await learned(await world.agent(), ANN);
    expect(await kept()).toEqual([]);
    const orders = world.model.journal.filter((call) => isSummaryCall({ ...call, lastUserText: "" }));
    expect(orders.some((call) => systemOf(call).includes("FACTS"))).toBe(false);
  });
});
