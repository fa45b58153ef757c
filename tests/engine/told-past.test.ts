import type { ConversationId } from "@parley/contracts";
import { openWorld, untilRest, type World } from "@parley/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { answerFromPrompt, FACT, isSummaryCall, keepFacts, liveSummaries, promptOf, systemOf } from "./testing/long-thread.ts";
import { staying } from "./testing/start.ts";

let world: World;
beforeEach(async () => {
  world = await openWorld();
  world.model.otherwise(answerFromPrompt);
});
afterEach(() => world.close());

interface Told {
  summaries?: string[];
  turns?: { text: string; result: string | null }[];
  options?: object;
  idempotencyKey?: string;
}

/** Submits the first message of a conversation with such a past, and gives all that happens. */
async function begin(agent: { id: string }, text: string, { summaries = [], turns = [], ...more }: Told) {
  const following = await world.gateway.submitAndFollow(world.caller, world.input(agent, text, more), {
    route: "test",
    past: { summaries, turns },
    signal: staying(),
  });
  return { submitted: following.submitted, seen: await untilRest(following.events) };
}

const small = (count: number) => Array.from({ length: count }, (_, index) => ({ text: `Question ${index}?`, result: `Answer ${index}.` }));
const asked = () => world.model.journal.filter((call) => !isSummaryCall({ ...call, lastUserText: "" })).at(-1) ?? expect.fail("nothing");

test("a conversation begins with the turns and summaries that its caller tells, in order, and goes on from them", async () => {
  const agent = await world.agent();
  const { submitted, seen } = await begin(agent, "What is the code of the vault?", {
    summaries: ["They met.", FACT],
    turns: [...small(2), { text: "And this?", result: null }],
  });
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { turnNumber: 6, result: "tangerine-42" } });
  expect(systemOf(asked())).toMatch(/Turns 1 to 1:\nThey met\.\n\nTurns 2 to 2:\nFACT/);
  expect(
    asked()
      .body.messages?.slice(1)
      .map(({ content }) => content),
  ).toEqual([
    "Question 0?",
    "Answer 0.",
    "Question 1?",
    "Answer 1.",
    "And this?",
    "[ended without an answer: unknown]",
    "What is the code of the vault?",
  ]);
  const again = await world.gateway.submitAndFollow(
    world.caller,
    world.input(agent, "And now?", { conversationId: submitted.conversationId as ConversationId }),
    { route: "test", signal: staying() },
  );
  expect((await untilRest(again.events)).at(-1)).toMatchObject({ data: { turnNumber: 7, result: "tangerine-42" } });
});

test("a past that is too long is summarised before the first step, told once, and what was summarised before is in it", async () => {
  world.model.when(isSummaryCall, keepFacts);
  const agent = await world.agent();
  const other = "FACT: the garden is red.";
  const turns = [{ text: other, result: "Noted." }, ...small(50)];
  const { submitted, seen } = await begin(agent, "What is the code of the vault?", {
    summaries: [FACT],
    turns,
    options: { summaryKnownThrough: 1 },
  });
  const told = seen.filter((event) => event.type === "history.compacted");
  expect(told).toHaveLength(1);
  expect(told[0]?.data).toMatchObject({ summary: expect.stringContaining(FACT), turns: expect.any(Number) });
  expect(told[0]?.data.summary).toContain(other);
  expect(told[0]?.data.tokensAfter).toBeLessThan(told[0]?.data.tokensBefore ?? 0);
  const order = seen.map(({ type }) => type);
  expect(order.indexOf("history.compacted")).toBeLessThan(order.indexOf("turn.delta"));
  expect(seen.at(-1)).toMatchObject({ data: { result: "tangerine-42" } });
  expect(promptOf(asked())).not.toContain("Question 0?");
  expect((await liveSummaries(world, submitted.conversationId)).every(({ text }) => text !== "")).toBe(true);
});

test("a summary that cannot be made leaves the turn with the newest turns that fit", async () => {
  world.model.when(isSummaryCall, { status: 400 });
  const agent = await world.agent();
  const { seen } = await begin(agent, "And?", { summaries: [FACT], turns: small(60), options: { summaryKnownThrough: 1 } });
  expect(seen.some((event) => event.type === "history.compacted")).toBe(false);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "tangerine-42" } });
  expect(promptOf(asked())).toContain("Question 59?");
});

test("a repeated call with a past gets the first conversation and leaves none of its own behind; another past is another call", async () => {
  const agent = await world.agent();
  const told = { summaries: [FACT], turns: small(1), idempotencyKey: "once" };
  const first = await begin(agent, "Hello", told);
  const second = await begin(agent, "Hello", told);
  expect(second.submitted).toMatchObject({ conversationId: first.submitted.conversationId, replayed: true });
  expect(await world.sql.owner`select count(*)::int as count from conversations`).toEqual([{ count: 1 }]);
  await expect(begin(agent, "Hello", { ...told, turns: small(2) })).rejects.toMatchObject({ code: "idempotency_mismatch" });
  expect(await world.sql.owner`select count(*)::int as count from conversations`).toEqual([{ count: 1 }]);
});

test("what a caller tells taints the turn: a fact that is remembered from it is marked", async () => {
  const agent = await world.agent({ memory: { remember: true, scopes: ["agent"] } });
  world.model.script({ toolCalls: [{ name: "remember", arguments: { text: "The user likes tea." } }] }, { text: "ok" });
  await begin(agent, "Hello", { turns: small(1) });
  expect(await world.sql.owner`select tainted from memories`).toEqual([{ tainted: true }]);
});
