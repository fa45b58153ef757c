import { agentConfig, type Limits } from "@parley/contracts";
import { openWorld, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { routerOver, start, submit } from "./testing/start.ts";

// None of them is the standard one.
const limits: Partial<Limits> = {
  messageCharsMax: 40,
  filesPerMessageMax: 2,
  queueMax: 2,
  pageMax: 7,
  stepsPerTurnMax: 2,
  fallbackModelsMax: 1,
  modelRetriesMax: 0,
  callsPerStepMax: 2,
  callsPerResponseMax: 5,
  answerCharsMax: 1_024,
  historyTurnsMax: 1,
  syncWaitMs: 0,
  streamMs: 1_000,
};

let world: World;
let still: World;
beforeAll(async () => {
  [world, still] = await Promise.all([openWorld({ limits }), openWorld({ limits, started: false })]);
});
afterAll(() => Promise.all([world.close(), still.close()]));

const refusal = (code: string, path?: string[]) => ({ code, ...(path && { issues: [expect.objectContaining({ path })] }) });

test("a message, its files and a page are held to the bounds that were set", async () => {
  const agent = await still.agent();
  await expect(submit(still, agent, "x".repeat(41))).rejects.toMatchObject(refusal("message_too_large"));
  const files = ["https://a.example", "https://b.example", "https://c.example"];
  await expect(submit(still, agent, "", { files })).rejects.toMatchObject(refusal("invalid_input", ["files"]));
  const page = (perPage: number) => still.gateway.listExecutions(still.caller, { page: 1, perPage });
  expect(await page(7)).toMatchObject({ total: 0 });
  await expect(page(8)).rejects.toMatchObject(refusal("invalid_input", ["perPage"]));
});

test("a queue is full at the length that was set", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  for (const text of ["a", "b"]) await submit(still, agent, text, { conversationId });
  await expect(submit(still, agent, "c", { conversationId })).rejects.toMatchObject(refusal("queue_full"));
});

test("waiting ends at the bound, whatever was asked for", async () => {
  const { conversationId, turnId } = await submit(still, await still.agent(), "nobody runs this");
  const { signal } = new AbortController();
  const waited = await still.gateway.awaitTurn(still.caller, { conversationId, turnId, waitMs: 600_000, signal });
  expect(waited).toMatchObject({ status: "pending", turnId });
});

test("an agent is made within the bounds, and takes no more steps than were set, whatever it says", async () => {
  const create = (config: object) =>
    still.gateway.createAgent(still.caller, { name: "A", description: "", config: agentConfig.parse(config) });
  await expect(create({ fallbackModels: ["a/b", "c/d"] })).rejects.toMatchObject(refusal("invalid_input", ["config", "fallbackModels"]));
  await expect(create({ instructions: "x".repeat(41) })).rejects.toMatchObject(refusal("invalid_input", ["config", "instructions"]));

  const router = await routerOver(world, [await world.agent({ name: "Leaf" })], "sync", { stepsMax: 50 });
  world.model.when(({ body }) => (body.tools?.length ?? 0) > 1, { toolCalls: [{ name: "leaf", arguments: { query: "again" } }] });
  const seen = await untilRest((await start(world, router, "loop")).events);
  expect(seen.filter((event) => event.type === "step.completed" && event.data.calls.length > 0)).toHaveLength(2);
  expect(seen.at(-1)).toMatchObject({ type: "turn.failed", data: { reason: "steps_exhausted" } });
});

test("an answer, the calls of a response and the tries of a model end at the bounds that were set", async () => {
  const agent = await world.agent();
  const endOf = async () => (await untilRest((await start(world, agent, "go")).events)).at(-1);
  world.model.script({ text: ["x".repeat(1_025)] });
  expect(await endOf()).toMatchObject({ data: { reason: "answer_too_long" } });
  const call = { name: "nothing", arguments: {} };
  world.model.script({ toolCalls: Array.from({ length: 6 }, () => call) });
  expect(await endOf()).toMatchObject({ data: { reason: "model_rejected", text: "The model made more than 5 calls at once." } });
  world.model.script({ status: 503 });
  expect(await endOf()).toMatchObject({ data: { reason: "model_unavailable" } });
});

test("a model is shown as many earlier turns as were set", async () => {
  const agent = await world.agent();
  world.model.otherwise({ text: ["yes"] });
  const first = await start(world, agent, "one");
  await untilRest(first.events);
  const { conversationId } = first.submitted;
  for (const text of ["two", "three"]) await untilRest((await start(world, agent, text, { conversationId })).events);
  const prompts = world.model.journal.map(({ body }) => body.messages?.map(({ content }) => content) ?? []);
  const last = prompts.findLast((messages) => messages.at(-1) === "three");
  expect(last).toContain("three");
  expect(last).not.toContain("one");
});

test("a stream ends after its lifetime", async () => {
  const { events } = await start(still, await still.agent(), "nobody runs this");
  const seen = [];
  for await (const event of events) seen.push(event.type);
  expect(seen).toEqual(["turn.created"]);
});
