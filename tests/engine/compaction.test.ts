import { LIMITS } from "@parley/contracts";
import { openWorld, untilRest, type World } from "@parley/testkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  addTurns,
  answerFromPrompt,
  dueCompactions,
  FACT,
  isSummaryCall,
  keepFacts,
  liveSummaries,
  longThread,
  promptOf,
  type StoredSummary,
  systemOf,
} from "./testing/long-thread.ts";
import { logUntil, start } from "./testing/start.ts";

let world: World;
/** How attempts at a summary have ended, as the metrics are told. */
let measured: string[];
beforeEach(async () => {
  measured = [];
  const summaryEnded = ({ end, durationMs }: { end: string; durationMs: number }) => void measured.push(durationMs > 0 ? end : "at once");
  world = await openWorld({ workers: 2, leaseMs: 2_000, metrics: { summaryEnded } });
  world.model.otherwise(answerFromPrompt);
});
afterEach(() => world.close());

const say = async (agent: { id: string }, conversationId: string, text: string) => {
  const { events } = await start(world, agent, text, { conversationId });
  return (await untilRest(events)).at(-1);
};

const soon = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 60_000, interval: 50 });

/** The summaries reach at least to that turn, and nothing is left to do. */
const settled = (conversationId: string, through: number) =>
  soon(async () => {
    expect((await liveSummaries(world, conversationId)).at(-1)?.through_turn).toBeGreaterThanOrEqual(through);
    expect(await dueCompactions(world, conversationId)).toHaveLength(0);
  });

/** What the model is shown for another turn. */
async function lastAsked(agent: { id: string }, conversationId: string) {
  await say(agent, conversationId, "And then?");
  const asked = world.model.journal.findLast((call) => !isSummaryCall({ ...call, lastUserText: "" }));
  if (asked === undefined) throw new Error("Nothing was asked.");
  return asked;
}

const summaryCalls = () => world.model.journal.filter((call) => isSummaryCall({ ...call, lastUserText: "" }));

/** The order that the sweep gives, without waiting for it. */
const makeDue = (conversationId: string) =>
  world.sql.owner`update compactions set due_at = now(), ordered_at = null where conversation_id = ${conversationId}`;

/** They follow each other from turn 1 on without a gap. */
function expectWhole(summaries: { from_turn: number; through_turn: number }[]): void {
  for (const [index, { from_turn }] of summaries.entries()) expect(from_turn).toBe((summaries[index - 1]?.through_turn ?? 0) + 1);
}

describe("a conversation of 2,000 turns", () => {
  /** What the model may be shown at most: the tail, and the few summaries that a level may have on each of four levels. */
  const PROMPT_CHARS_MAX = LIMITS.historyCharsMax + 4 * (LIMITS.summariesPerLevelMax + 1) * LIMITS.summaryCharsMax;

  test("keeps a bounded prompt, and the fact of turn 3 is answered from the levelled summary", async () => {
    world.model.when(isSummaryCall, keepFacts);
    const agent = await world.agent({ memory: { recall: false } });
    const conversationId = await longThread(world, agent, 1_998);
    await say(agent, conversationId, "And now?");
    await settled(conversationId, 1_980);
    world.model.journal.length = 0;
    const end = await say(agent, conversationId, "What is the code of the vault?");
    expect(end).toMatchObject({ data: { turnNumber: 2_000, result: "tangerine-42" } });

    const [asked = expect.fail("Nothing was asked.")] = world.model.journal;
    expect(promptOf(asked).length).toBeLessThan(PROMPT_CHARS_MAX);
    expect(systemOf(asked)).toContain(FACT);
    expect(asked.body.messages?.slice(1).some(({ content }) => String(content).includes("FACT"))).toBe(false);
    const summaries = await liveSummaries(world, conversationId);
    expect(summaries[0]).toMatchObject({ level: 4, from_turn: 1 });
    expectWhole(summaries);
    const levels = summaries.map((summary) => summary.level);
    for (const level of levels) expect(levels.filter((other) => other === level).length).toBeLessThanOrEqual(LIMITS.summariesPerLevelMax);
  });

  test("the fact of turn 3 that no summary has kept is answered through recall", async () => {
    world.model.when(isSummaryCall, { text: "They spoke about this and that." });
    world.model.otherwise((request) => {
      const known = answerFromPrompt(request);
      if (known.text !== "I do not know") return known;
      return request.lastUserText === "And now?"
        ? { text: "Nothing." }
        : { toolCalls: [{ name: "recall", arguments: { query: request.lastUserText } }] };
    });
    const agent = await world.agent();
    const conversationId = await longThread(world, agent, 1_998);
    await say(agent, conversationId, "And now?");
    await settled(conversationId, 1_980);
    world.model.journal.length = 0;
    expect(await say(agent, conversationId, "What is the code of the vault?")).toMatchObject({ data: { result: "tangerine-42" } });

    expect(world.model.journal).toHaveLength(2);
    const [before, after] = world.model.journal;
    expect(JSON.stringify(before?.body.messages)).not.toContain("tangerine");
    expect(before?.body.tools).toEqual([
      expect.objectContaining({ function: expect.objectContaining({ name: "recall" }) }),
      expect.anything(),
    ]);
    expect(after?.body.messages?.at(-1)).toMatchObject({ role: "tool", content: expect.stringContaining(`Turn 3 `) });
    for (const call of world.model.journal) expect(promptOf(call).length).toBeLessThan(PROMPT_CHARS_MAX);
  });
});

describe("a compaction", () => {
  const TURNS = 60;

  test("leaves the newest turns as they are, is told in the log, and its use is in no turn", async () => {
    world.model.when(isSummaryCall, { text: "short" });
    const agent = await world.agent();
    const conversationId = await longThread(world, agent, TURNS);
    const end = await say(agent, conversationId, "And now?");
    await settled(conversationId, 40);
    const told = await logUntil(world, conversationId, (event) => event.type === "conversation.compacted");
    const summaries = await liveSummaries(world, conversationId);
    const through = summaries.at(-1)?.through_turn ?? 0;
    await expect.poll(() => measured).toEqual(summaries.map(() => "installed"));
    expect(told.at(-1)).toMatchObject({ turnId: null, data: { level: 1, throughTurn: summaries[0]?.through_turn } });
    expect(through).toBeLessThan(TURNS - 10);

    const beside = await world.sql.owner`
      select model, input_tokens > 0 as used from usage_records u
      where conversation_id = ${conversationId} and not exists (select from turns t where t.id = u.turn_id)`;
    expect(beside).toEqual(summaryCalls().map(() => ({ model: "test/scripted", used: true })));
    expect(end).toMatchObject({ data: { usage: { modelCalls: 1 } } });

    world.model.journal.length = 0;
    await say(agent, conversationId, "And then?");
    const messages = world.model.journal[0]?.body.messages ?? [];
    expect(messages[1]).toMatchObject({ content: `Tell me about topic ${through + 1}.` });
    expect(messages.at(-1)).toMatchObject({ content: "And then?" });
  });

  test("that is due is found without any order: the row is enough", async () => {
    world.model.when(isSummaryCall, keepFacts);
    const agent = await world.agent();
    const conversationId = await longThread(world, agent, TURNS);
    await world.database.compactions.mark({ organizationId: world.caller.organizationId, conversationId });
    await world.forgetRedis();
    await settled(conversationId, 40);
    expect((await liveSummaries(world, conversationId))[0]?.text).toContain(FACT);
  });

  test("of turns that an edit cuts off while the model summarises is dropped, and made anew of what is left", async () => {
    // The first summary is under way when the user edits; the later ones are quick.
    world.model.when(isSummaryCall, (request) => ({
      ...keepFacts(request),
      ...(summaryCalls().length === 0 ? { headersDelayMs: 1_500 } : {}),
    }));
    const agent = await world.agent({ memory: { recall: false } });
    const conversationId = await longThread(world, agent, TURNS - 1);
    await say(agent, conversationId, "And now?");
    await soon(async () => expect(summaryCalls()).toHaveLength(1));
    const [third] = await world.sql.owner<{ message_id: string }[]>`
      insert into messages (id, organization_id, conversation_id, turn_id, seq, mode, state, text, files, options, agent_version, principal_id)
      select message_id, organization_id, conversation_id, id, 0, 'auto', 'done', text, '[]', '{}', 1, 'key' from turns
      where conversation_id = ${conversationId} and number = 3 returning id as message_id`;
    const input = world.input(agent, "The vault is open.", { conversationId: conversationId as never });
    await world.gateway.submitMessage(world.caller, input, { route: "turn.edit", edits: { messageId: third?.message_id ?? "" } });
    await soon(async () => expect(summaryCalls()[0]?.outcome).toBe("finished"));
    await soon(async () => expect((await dueCompactions(world, conversationId))[0]?.holder ?? null).toBeNull());
    await expect.poll(() => measured).toEqual(["dropped"]);
    expect(await liveSummaries(world, conversationId)).toEqual([]);
    expect(await world.sql.owner`select from summaries where conversation_id = ${conversationId}`).toHaveLength(0);

    // What the edit has cut off is in no later prompt and in no later summary.
    await addTurns(world, conversationId, { from: TURNS + 2, through: TURNS + 60 });
    await say(agent, conversationId, "And now?");
    await settled(conversationId, TURNS + 30);
    const summaries = await liveSummaries(world, conversationId);
    expectWhole(summaries);
    expect(JSON.stringify(summaries)).not.toContain("tangerine");
  });

  test("whose worker dies between the model's answer and the installation is made by another, and installed once", async () => {
    world.model.when(isSummaryCall, (request) => ({
      ...keepFacts(request),
      ...(summaryCalls().length === 0 ? { headersDelayMs: 500 } : {}),
    }));
    const [first, second] = world.workers;
    const agent = await world.agent();
    const conversationId = await longThread(world, agent, 40);
    const key = { organizationId: world.caller.organizationId, conversationId };
    await world.database.compactions.mark(key);
    await world.sql.owner`update compactions set ordered_at = now()`;
    const { signal } = new AbortController();
    const dying = first?.engine.compact(key, signal);
    await soon(async () => expect(summaryCalls()).toHaveLength(1));
    first?.freeze();
    await soon(async () => expect(summaryCalls()[0]?.outcome).toBe("finished"));
    expect(await liveSummaries(world, conversationId)).toHaveLength(0);
    // Somebody works on it, and nobody else may: until its time is over.
    await second?.engine.compact(key, signal);
    expect(summaryCalls()).toHaveLength(1);
    // Meanwhile there is more to summarise than the dead one knows of.
    await addTurns(world, conversationId, { from: 41, through: 60 });
    await world.sql.owner`update compactions set due_at = now()`;
    await second?.engine.compact(key, signal);
    const stored = () =>
      world.sql.owner<StoredSummary[]>`select * from summaries where conversation_id = ${conversationId} order by from_turn`;
    const made = await stored();
    expectWhole(made);
    expect(made.at(-1)?.through_turn).toBeGreaterThanOrEqual(40);
    // The dead one was only slow: what it has made is not what stands there any more.
    first?.thaw();
    await dying;
    expect(await stored()).toEqual(made);
    expect(await dueCompactions(world, conversationId)).toHaveLength(0);
  });

  test("that fails is tried again later, and later each time; the prompt stays bounded meanwhile", async () => {
    const replies = [{ status: 500 }, { text: "" }, { breaks: { afterChunks: 0, how: "cut" as const } }];
    world.model.when(isSummaryCall, (request) => replies[summaryCalls().length] ?? keepFacts(request));
    const agent = await world.agent();
    const conversationId = await longThread(world, agent, TURNS);
    await say(agent, conversationId, "And now?");
    for (const [index] of replies.entries()) {
      await soon(async () => expect(await dueCompactions(world, conversationId)).toMatchObject([{ failures: index + 1, holder: null }]));
      const [due] = await dueCompactions(world, conversationId);
      // A delay is between half and one and a half of twice the one before.
      expect(due?.due_in_ms).toBeGreaterThan(2 ** index * 2_000);
      expect(promptOf(await lastAsked(agent, conversationId)).length).toBeLessThan(LIMITS.historyCharsMax);
      await makeDue(conversationId);
    }
    await settled(conversationId, 40);
    await expect.poll(() => measured.slice(0, 4)).toEqual(["failed", "failed", "failed", "installed"]);
    const failed = await world.sql.owner`select estimated from usage_records u
      where conversation_id = ${conversationId} and not exists (select from turns t where t.id = u.turn_id)`;
    expect(failed.length).toBeGreaterThan(0);
  });

  test("keeps a turn whole whose background task still works", async () => {
    world.model.when(isSummaryCall, { text: "short" });
    const agent = await world.agent();
    const conversationId = await longThread(world, agent, 35);
    const turnOf = (number: number) =>
      world.sql.owner<{ id: string }[]>`select id from turns where conversation_id = ${conversationId} and number = ${number}`;
    const [fifth] = await turnOf(5);
    await world.sql.owner`
      insert into executions (id, organization_id, conversation_id, agent_id, agent_version, parent_id, mode, status, input, turn_id)
      values (uuidv7(), ${world.caller.organizationId}, ${conversationId}, ${agent.id}, 1, ${conversationId}, 'async', 'executing', '{"text": "dig"}', ${fifth?.id ?? ""})`;
    await say(agent, conversationId, "And now?");
    await settled(conversationId, 4);
    expect(await liveSummaries(world, conversationId)).toMatchObject([{ from_turn: 1, through_turn: 4 }]);

    await world.sql.owner`update executions set status = 'completed', result = 'gold' where mode = 'async'`;
    await say(agent, conversationId, "And then?");
    // The next summary may be asked for already.
    const told = world.model.journal.findLast((call) => !isSummaryCall({ ...call, lastUserText: "" }));
    expect(told?.body.messages?.[2]).toMatchObject({ content: expect.stringContaining("gold") });
  });
});
