import { collectUntil, openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { isEnd, logUntil, start, stateOf } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ workers: 3, leaseMs: 1_000 });
});
afterAll(() => world.close());
beforeEach(() => {
  for (const worker of world.workers) worker.thaw();
  world.model.otherwise(({ body }) => ({ text: [`saw ${unmarked(String(body.messages?.at(-1)?.content))}`] }));
  world.tools.otherwise({ body: "booked" });
});

const booker = (more = {}) => world.agent({ tools: [{ name: "book", url: `${world.tools.url}/book`, ...more }] });
const books = { toolCalls: [{ name: "book", arguments: { seat: "12A" } }] };

/** What a tool has said, without the marks that say so. */
const unmarked = (text: string): string => /<tool_result>\n([^]*)\n<\/tool_result>$/.exec(text)?.[1] ?? text;

/** Runs a turn whose worker dies while the tool is at work. */
async function dieInTheCall(agent: { id: string }) {
  const before = world.tools.journal.length;
  world.model.script(books);
  world.tools.script({ answerDelayMs: 3_600_000 });
  const { events, submitted } = await start(world, agent, "book it");
  const reading = collectUntil(events, isEnd);
  await expect.poll(() => world.tools.journal.slice(before).some((call) => call.actedAtMs !== null), { timeout: 10_000 }).toBe(true);
  for (const worker of world.workers) if (worker.engine.activeTurns() > 0) worker.freeze();
  return { seen: await reading, calls: world.tools.journal.slice(before), ...submitted };
}

test("a call carries the key of its turn, step and place, and its result reaches the model", async () => {
  const agent = await booker();
  world.model.script(books);
  const { events, submitted } = await start(world, agent, "book it");
  const seen = await collectUntil(events, isEnd);
  const { conversationId, turnId } = submitted;
  expect(world.tools.journal.at(-1)).toMatchObject({ key: `${turnId}/${conversationId}/1/0`, arguments: { seat: "12A" }, path: "/book" });
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "saw booked" } });
  expect(seen.find((event) => event.type === "tool.returned")).toMatchObject({ data: { tool: "book", result: "booked", isError: false } });
});

test("a call whose worker died is not made again where that could do it twice: its outcome is unknown, and the model is told", async () => {
  const { seen, calls } = await dieInTheCall(await booker());
  expect(calls).toHaveLength(1);
  expect(seen.filter((event) => event.type === "tool.returned")).toMatchObject([{ data: { isError: true, unknown: true } }]);
  expect(seen.at(-1)).toMatchObject({
    type: "turn.completed",
    data: { result: expect.stringMatching(/^saw Whether this call was made is unknown/) },
  });
});

test("an idempotent tool is called again with the same key, and the turn goes on as if nothing had happened", async () => {
  const { seen, calls } = await dieInTheCall(await booker({ idempotent: true }));
  expect(calls.map(({ key }) => key)).toEqual([calls[0]?.key, calls[0]?.key]);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "saw booked" } });
});

test("a recorded result is not asked for again by whoever takes over", async () => {
  const agent = await booker();
  const before = world.tools.journal.length;
  world.model.script(books, { tokens: 4_000, delayMs: 20 });
  const { events } = await start(world, agent, "book it");
  let died = false;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta" && !died) {
      died = true;
      for (const worker of world.workers) if (worker.engine.activeTurns() > 0) worker.freeze();
    }
    return isEnd(event);
  });
  expect(world.tools.journal.length - before).toBe(1);
  expect(seen.filter((event) => event.type === "tool.returned")).toHaveLength(1);
  expect(seen.at(-1)).toMatchObject({ data: { result: "saw booked" } });
});

test("a stop closes the tool's socket, too", async () => {
  const agent = await booker();
  world.model.script(books);
  world.tools.script({ delayMs: 3_600_000 });
  const before = world.tools.journal.length;
  const { events, submitted } = await start(world, agent, "book it");
  const reading = collectUntil(events, isEnd);
  await expect.poll(() => world.tools.journal.length).toBe(before + 1);
  await world.gateway.stopConversation(world.caller, { conversationId: submitted.conversationId, clearQueue: false });
  expect((await reading).at(-1)).toMatchObject({ type: "turn.stopped" });
  await expect.poll(() => world.tools.journal.at(-1)?.outcome).toBe("aborted");
});

test("arguments that do not fit the tool's schema are never sent", async () => {
  const agent = await booker({ parameters: { type: "object", properties: { seat: { type: "number" } }, required: ["seat"] } });
  const before = world.tools.journal.length;
  world.model.script(books);
  const { events } = await start(world, agent, "book it");
  const seen = await collectUntil(events, isEnd);
  expect(world.tools.journal).toHaveLength(before);
  expect(seen.find((event) => event.type === "tool.returned")).toMatchObject({
    data: { isError: true, result: expect.stringMatching(/do not fit the schema/) },
  });
});

test("an approved call is made with all its arguments, however many they are and in whatever order they were kept", async () => {
  const agent = await booker({ needsApproval: true });
  const given = { passenger: "Ann", to: { town: "Oslo", at: 1 }, id: 7 };
  const before = world.tools.journal.length;
  world.model.script({ toolCalls: [{ name: "book", arguments: given }] });
  const { events, submitted } = await start(world, agent, "book it");
  await collectUntil(events, (event) => event.type === "turn.paused");
  const { conversationId } = submitted;
  const [card] = (await stateOf(world, conversationId)).cards;
  await world.gateway.decideCard(world.caller, { conversationId: conversationId as never, cardId: card?.id as never, decision: "approve" });
  await logUntil(world, conversationId, isEnd);
  expect(world.tools.journal.slice(before)).toMatchObject([{ arguments: given }]);
});

test("an agent that was kept before there were tools runs without any", async () => {
  const agent = await world.agent();
  await world.sql.owner`update agent_versions set config = '{"model": "test/scripted"}' where agent_id = ${agent.id}`;
  const { events } = await start(world, agent, "hello");
  expect((await collectUntil(events, isEnd)).at(-1)).toMatchObject({ type: "turn.completed", data: { result: "saw hello" } });
});
