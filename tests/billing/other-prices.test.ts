import { agentConfig, type ChargesQuery, setPriceInput } from "@parley/contracts";
import { collectUntil, openWorld, type Reply, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { isEnd, logUntil, routerOver, start, stateOf } from "../engine/testing/start.ts";
import { type ScriptedPeer, startScriptedPeer, taskAt } from "../peers/support/scripted-peer.ts";
import { atRest, grant, MODEL, setPrices } from "./money.ts";

const RUN_MICROS = 5_000;
const FALLBACK_MICROS = 10_000;
const USAGE = { prompt_tokens: 10, completion_tokens: 1 };
const STEP_MICROS = 20;

let peer: ScriptedPeer;
let world: World;
let strict: World;
let organizationId: string;
let caller: World["caller"];
beforeAll(async () => {
  peer = await startScriptedPeer();
  [world, strict] = await Promise.all([
    openWorld({ allow: [peer.host], limits: { holdWaitMs: 200, holdBeginMs: 200 } }),
    openWorld({ allow: [peer.host], refuseUnpriced: true }),
  ]);
});
afterAll(async () => {
  await Promise.all([world?.close(), strict?.close()]);
  await peer?.close();
});
beforeEach(async () => {
  peer.journal.length = 0;
  peer.on("message/send", () => ({ result: taskAt("completed", { text: "Knock." }) }));
  ({ organizationId, caller } = await payer(world));
});

async function payer(where: World) {
  const { id } = await where.gateway.createOrganization({ name: "payer" });
  await setPrices(where, id);
  return { organizationId: id, caller: { ...where.caller, organizationId: id as never, principalId: "key_payer" } };
}

async function agentOn(where: World, by: World["caller"], facts: { endpoint?: string; priceMicros?: number | null }) {
  const made = await where.gateway.createPeer(by, {
    ...{ name: "Jester", endpoint: peer.url, auth: { type: "none" }, skills: [{ id: "joke", tags: [], outputModes: [] }] },
    ...{ trust: { verifyDid: false, policy: "lenient", onBadSignature: "fail" }, priceMicros: null, timeoutMs: null, deduplicates: false },
    ...facts,
  } as never);
  const config = agentConfig.parse({ model: MODEL, peers: [{ peerId: made.id }] });
  return where.gateway.createAgent(by, { name: "Caller", description: "", config });
}

const callOf = { toolCalls: [{ name: "call_jester_joke", arguments: { input: "one" } }], usage: USAGE };
const TELL: Reply = { text: "told", usage: USAGE };
/** An agent whose runs have a price, and one that calls it. */
async function pricedHelper() {
  const config = agentConfig.parse({ model: MODEL });
  const helper = await world.gateway.createAgent(caller, { name: "Helper", description: "", config });
  await world.gateway.setPrice(setPriceInput.parse({ organizationId, kind: "agent", name: helper.id, unitPico: RUN_MICROS * 1e6 }));
  const ours = {
    ...world,
    caller,
    agent: ({ name = "Router", description = "", ...more } = {}) =>
      world.gateway.createAgent(caller, { name, description, config: agentConfig.parse(more) }),
  } as World;
  return { helper, ours, router: await routerOver(ours, [helper as never], "sync", { model: MODEL }) };
}

const callOfHelper = { toolCalls: [{ name: "helper", arguments: { query: "help" } }], usage: USAGE };
/** A turn that calls the peer. */
async function told(agent: { id: string }, ...then: Reply[]) {
  world.model.script(callOf, ...then);
  const { events } = await start({ ...world, caller }, agent, "A joke");
  return (await untilRest(events)).at(-1);
}

const query: ChargesQuery = {};
async function chargesOf(sourceType: "peer" | "agent") {
  const found = [];
  for await (const charges of world.gateway.readCharges(caller, query)) found.push(...charges);
  return found.filter((charge) => charge.sourceType === sourceType);
}

test("a call of a peer costs what its row in the registry says, once, as the one who has begun the turn", async () => {
  const agent = await agentOn(world, caller, { priceMicros: 250 });
  expect(await told(agent, TELL)).toMatchObject({ type: "turn.completed" });
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -250 - 2 * STEP_MICROS });
  expect(await chargesOf("peer")).toMatchObject([
    { model: "peer/Jester", amountMicros: 250, registered: true, assumed: false, principalId: "key_payer", agentId: agent.id },
  ]);
  expect((await world.gateway.readStatement(caller, {})).items).toMatchObject([{ calls: 3, unpricedCalls: 0 }]);
});

test("one without is charged by the price book: by its name, else by the fallback, and marked", async () => {
  const agent = await agentOn(world, caller, {});
  await told(agent, TELL);
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -FALLBACK_MICROS - 2 * STEP_MICROS });
  expect(await chargesOf("peer")).toMatchObject([{ amountMicros: FALLBACK_MICROS, registered: false, assumed: true }]);
  await world.gateway.setPrice(setPriceInput.parse({ organizationId, kind: "peer", name: "Jester", unitPico: 77e6 }));
  await told(agent, TELL);
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -FALLBACK_MICROS - 77 - 4 * STEP_MICROS });
});

test("one that nobody has priced is not called where that is refused, and the model is told so", async () => {
  const by = await payer(strict);
  const agent = await agentOn(strict, by.caller, {});
  strict.model.script(callOf, { text: "told" });
  const { events } = await start({ ...strict, caller: by.caller }, agent, "A joke");
  const log = await untilRest(events);
  const returned = log.flatMap((event) => (event.type === "tool.returned" ? [event.data] : []));
  expect(returned).toMatchObject([{ isError: true, result: expect.stringContaining("no price") }]);
  expect(log.at(-1)).toMatchObject({ type: "turn.completed" });
  expect(peer.messageIds()).toEqual([]);
});

test("a peer that has not taken the call up has cost nothing", async () => {
  peer.on("message/send", () => ({ error: { code: -32603, message: "closed" } }));
  await told(await agentOn(world, caller, { priceMicros: 250 }), TELL);
  expect(peer.messageIds()).toHaveLength(1);
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -2 * STEP_MICROS });
});

test("one that refuses it when its turn was stopped meanwhile has cost nothing either: it is not charged before that is known", async () => {
  const refusal = Promise.withResolvers<void>();
  peer.on("message/send", async () => {
    await refusal.promise;
    return { error: { code: -32_601, message: "closed" } };
  });
  const agent = await agentOn(world, caller, { priceMicros: 250 });
  world.model.script(callOf);
  const { events, submitted } = await start({ ...world, caller }, agent, "A joke");
  await expect.poll(() => peer.messageIds().length).toBe(1);
  await world.gateway.stopConversation(caller, { conversationId: submitted.conversationId, clearQueue: false });
  expect((await untilRest(events)).at(-1)).toMatchObject({ type: "turn.stopped" });
  const step = () => world.sql.owner`select from charges where organization_id = ${organizationId} and source_type = 'turn'`;
  await expect.poll(async () => (await step()).length, { timeout: 20_000 }).toBe(1);
  expect(await chargesOf("peer")).toEqual([]);
  refusal.resolve();
  const due = () => world.sql.owner`select from peer_usage where organization_id = ${organizationId} and unposted`;
  await expect.poll(async () => (await due()).length, { timeout: 20_000 }).toBe(0);
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -STEP_MICROS });
  expect(await chargesOf("peer")).toEqual([]);
});

test("who has to have money first and has not enough for the peer does not have it called", async () => {
  const agent = await agentOn(world, caller, { priceMicros: 90_000 });
  await world.gateway.setBillingMode({ organizationId: organizationId as never, mode: "prepaid" });
  await grant(world, organizationId, 20_000);
  expect(await told(agent)).toMatchObject({ type: "turn.failed", data: { reason: "budget" } });
  expect(peer.messageIds()).toEqual([]);
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: 20_000 - STEP_MICROS });
});

test("an agent with a price costs it for each run that completes, beside its models: in a turn of its own and below another's", async () => {
  const { helper, ours, router } = await pricedHelper();
  world.model.script(callOfHelper, { text: "helped", usage: USAGE }, { text: "done", usage: USAGE });
  const { events } = await start(ours, router, "Hi");
  expect((await untilRest(events)).at(-1)).toMatchObject({ type: "turn.completed" });
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -RUN_MICROS - 3 * STEP_MICROS });
  world.model.script({ text: "alone", usage: USAGE });
  await untilRest((await start(ours, helper as never, "Hi")).events);
  // One that fails has not answered.
  world.model.script({ status: 400 });
  await untilRest((await start(ours, helper as never, "Hi")).events);
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -2 * RUN_MICROS - 4 * STEP_MICROS });
  expect(await chargesOf("agent")).toMatchObject([{ agentId: helper.id }, { agentId: helper.id }]);
  // Who has to have money first has to have it for the run, too.
  await world.gateway.setBillingMode({ organizationId: organizationId as never, mode: "prepaid" });
  await grant(world, organizationId, 2 * RUN_MICROS + 4 * STEP_MICROS + RUN_MICROS - 1);
  const calls = world.model.journal.length;
  expect((await untilRest((await start(ours, helper as never, "Hi")).events)).at(-1)).toMatchObject({ data: { reason: "budget" } });
  expect(world.model.journal.length).toBe(calls);
});

test("a run whose turn waits for people afterwards costs what it does, once, while it waits and when it has ended", async () => {
  const { helper, ours, router } = await pricedHelper();
  const question = { id: "colour", text: "Which?", options: [{ id: "red", label: "Red" }], allowFreeText: false };
  const asks = { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [question] } }], usage: USAGE };
  world.model.script(callOfHelper, { text: "helped", usage: USAGE }, asks);
  const { events, submitted } = await start(ours, router, "Hi");
  await collectUntil(events, ({ type }) => type === "turn.paused");
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -RUN_MICROS - 3 * STEP_MICROS });
  const charged = await chargesOf("agent");
  expect(charged).toMatchObject([{ agentId: helper.id, amountMicros: RUN_MICROS }]);
  world.model.script({ text: "done", usage: USAGE });
  const { conversationId } = submitted;
  const [card] = (await stateOf(ours, conversationId)).cards;
  const answers = [{ questionId: "colour", selectedOptionIds: ["red"] }];
  await world.gateway.answerCard(caller, { conversationId: conversationId as never, cardId: card?.id as never, answers });
  expect((await logUntil(ours, conversationId, isEnd)).at(-1)).toMatchObject({ type: "turn.completed" });
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -RUN_MICROS - 4 * STEP_MICROS });
  expect(await chargesOf("agent")).toEqual(charged);
});

test("a run that breaks off costs its models alone, and a run whose use is told in two parts costs it once", async () => {
  const config = agentConfig.parse({ model: MODEL });
  const helper = await world.gateway.createAgent(caller, { name: "Helper", description: "", config });
  await world.gateway.setPrice(setPriceInput.parse({ organizationId, kind: "agent", name: helper.id, unitPico: RUN_MICROS * 1e6 }));
  const run = async (reply: Reply) => {
    world.model.script(reply);
    const { events, submitted } = await start({ ...world, caller }, helper, "Hi");
    return { end: (await untilRest(events)).at(-1), turnId: submitted.turnId };
  };
  const broken = await run({ tokens: 4, breaks: { afterChunks: 2, how: "error", error: { message: "no", code: 400 } } });
  expect(broken.end).toMatchObject({ type: "turn.failed" });
  const before = await atRest(world, organizationId);
  expect(before.balanceMicros).toBeLessThan(0);
  expect(await chargesOf("agent")).toEqual([]);

  const { turnId } = await run({ text: "helped", usage: USAGE });
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: before.balanceMicros - STEP_MICROS - RUN_MICROS });
  // As it is where a process is heard of late.
  await world.sql
    .owner`insert into usage_records (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
      input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated)
    select organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try + 1, model, 7, 0, 0, 0, true
    from usage_records where turn_id = ${turnId}`;
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: before.balanceMicros - STEP_MICROS - RUN_MICROS - 7 });
  expect(await chargesOf("agent")).toHaveLength(1);
});
