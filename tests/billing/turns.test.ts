import { randomUUID } from "node:crypto";
import { agentConfig, createKeyInput } from "@parley/contracts";
import { collectUntil, openWorld, tokenText, typesOf, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dueCompactions, isSummaryCall, liveSummaries, longThread } from "../engine/testing/long-thread.ts";
import { routerOver, start } from "../engine/testing/start.ts";
import { atRest, grant, IN_MICROS, MODEL, OUT_MICROS, setPrices } from "./money.ts";

const SLICE = 16;

let world: World;
let organizationId: string;
beforeAll(async () => {
  world = await openWorld({ workers: 2, limits: { holdSliceTokens: SLICE, holdWaitMs: 500, holdBeginMs: 2_000 } });
  await setPrices(world, world.caller.organizationId);
});
afterAll(() => world.close());

/** An organization of its own for each test, with the prices above. */
let ours: World;
let payerKey: string;
let otherKey: string;
const keyOf = async (id: string): Promise<string> =>
  (await world.gateway.createKey(id, createKeyInput.parse({ name: "payer", scopes: [] }), null)).id;
beforeEach(async () => {
  const { id } = await world.gateway.createOrganization({ name: "payer" });
  organizationId = id;
  const { gateway } = world;
  [payerKey, otherKey] = await Promise.all([keyOf(id), keyOf(id)]);
  const caller = { ...world.caller, organizationId, principalId: payerKey };
  ours = {
    ...world,
    caller,
    agent: ({ name = "Agent", description = "", ...config } = {}) =>
      gateway.createAgent(caller, { name, description, config: agentConfig.parse({ ...BASE, ...config }) }),
  };
  await setPrices(ours, organizationId);
});

const BASE = { model: MODEL };
const USER = "payer@example.com";

const prepaid = async (amountMicros: number) => {
  await world.gateway.setBillingMode({ organizationId, mode: "prepaid" });
  if (amountMicros > 0) await grant(world, organizationId, amountMicros);
};
const used = (usage: { prompt_tokens: number; completion_tokens: number }) =>
  usage.prompt_tokens * IN_MICROS + usage.completion_tokens * OUT_MICROS;
const endOf = async (agent: { id: string }, text = "Hello") => {
  const { events } = await start(ours, agent, text, { user: { email: USER } });
  return (await untilRest(events)).at(-1);
};

describe("what turns use is charged", () => {
  test("to the token, once, of whoever has paid nothing before: by key, agent, model and day", async () => {
    const agent = await ours.agent();
    const today = () => new Date().toISOString().slice(0, 10);
    const begun = today();
    world.model.script({ tokens: 3, usage: { prompt_tokens: 11, completion_tokens: 5 } });
    expect(await endOf(agent)).toMatchObject({ type: "turn.completed" });
    const days = [begun, today()];
    const account = await atRest(world, organizationId);
    expect(account).toMatchObject({ mode: "postpaid", balanceMicros: -used({ prompt_tokens: 11, completion_tokens: 5 }) });
    await world.database.billing.post([organizationId], { rowsMax: 10, callKeptMs: 1_000 });
    for (const [by, name] of [
      ["key", payerKey],
      ["agent", agent.id],
      ["model", MODEL],
      // A day may end meanwhile.
      ["day", expect.toSatisfy((day: string) => days.includes(day))],
    ] as const) {
      expect((await world.gateway.readStatement(ours.caller, { by })).items).toMatchObject([
        { name, calls: 1, inputTokens: 11, outputTokens: 5, amountMicros: 61 },
      ]);
    }
  });

  test("also of children, of a step that was tried again, and of a stop: the estimate is marked", async () => {
    const helper = await ours.agent({ name: "Helper", fallbackModels: ["test/other"] });
    await setPrices(ours, organizationId, { name: "test/other" });
    const router = await routerOver(ours, [helper as never], "sync", BASE);
    const before = world.model.journal.length;
    world.model.script(
      { toolCalls: [{ name: "helper", arguments: { query: "help" } }], usage: { prompt_tokens: 20, completion_tokens: 4 } },
      // The child's step is tried again by the same model, then by another, whose answer counts.
      { tokens: 12, breaks: { afterChunks: 9, how: "cut" } },
      { status: 400 },
      { tokens: 2, usage: { prompt_tokens: 9, completion_tokens: 2 } },
      { tokens: 900, delayMs: 5 },
    );
    const { events, submitted } = await start(ours, router, "Hello");
    let said = 0;
    const log = await collectUntil(events, (event) => {
      if (event.type === "turn.delta" && event.executionId === submitted.conversationId) said += 1;
      if (said === 10) void ours.gateway.stopConversation(ours.caller, { conversationId: submitted.conversationId, clearQueue: false });
      return event.type === "turn.stopped";
    });
    expect(typesOf(log)).toEqual(expect.arrayContaining(["model.retried", "model.fell_back", "child.finished", "turn.stopped"]));
    const [dispatch, broken, refused, again, stopped, ...more] = world.model.journal.slice(before);
    expect([dispatch, broken, refused, again, stopped].map((call) => call?.outcome)).toEqual([
      ...["finished", "broken", "finished", "finished"],
      expect.stringMatching(/open|aborted/),
    ]);
    expect(more).toEqual([]);
    const { balanceMicros } = await atRest(world, organizationId);
    const charges = [];
    for await (const some of world.gateway.readCharges(ours.caller, {})) charges.push(...some);
    // One line for each call that was answered, whoever was asked; what was refused has used nothing.
    const lines = charges.map(({ model, agentId, inputTokens, outputTokens, estimated, payer }) => ({
      ...{ model, agentId, inputTokens, outputTokens, estimated, payer },
    }));
    const exact = { estimated: false, payer: "customer" };
    const estimate = { estimated: true, payer: "customer", inputTokens: expect.any(Number), outputTokens: expect.any(Number) };
    expect(lines).toHaveLength(4);
    expect(lines).toEqual(
      expect.arrayContaining([
        { ...exact, model: MODEL, agentId: router.id, inputTokens: 20, outputTokens: 4 },
        { ...estimate, model: MODEL, agentId: helper.id },
        { ...exact, model: "test/other", agentId: helper.id, inputTokens: 9, outputTokens: 2 },
        { ...estimate, model: MODEL, agentId: router.id },
      ]),
    );
    // Nine pieces came of the one; of the other as many as were sent until its socket was closed, less what was on the way.
    const estimated = lines.filter((line) => line.estimated);
    const ofHelper = estimated.find(({ agentId }) => agentId === helper.id)?.outputTokens;
    expect(ofHelper).toBe(Math.ceil(tokenText(9).length / 4));
    const ofRouter = estimated.find(({ agentId }) => agentId === router.id)?.outputTokens ?? 0;
    await expect.poll(() => stopped?.outcome).toBe("aborted");
    expect(ofRouter).toBeGreaterThanOrEqual(5);
    expect(ofRouter).toBeLessThanOrEqual(stopped?.tokensSent ?? 0);
    expect(-balanceMicros).toBe(lines.reduce((sum, line) => sum + line.inputTokens * IN_MICROS + line.outputTokens * OUT_MICROS, 0));
  });

  test("an attempt's use of a step that a later one has made again is borne by the house", async () => {
    const agent = await ours.agent();
    world.model.script({ tokens: 1, usage: { prompt_tokens: 10, completion_tokens: 1 } });
    const { submitted, events } = await start(ours, agent, "Hello");
    await untilRest(events);
    const { turnId } = submitted;
    await world.sql.owner`update usage_records set attempt = 2 where turn_id = ${turnId}`;
    await world.sql
      .owner`insert into usage_records (organization_id, conversation_id, month, turn_id, execution_id, attempt, step, try, model,
        input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated)
      select organization_id, conversation_id, month, turn_id, execution_id, 1, step, try, model, 7, 0, 0, 0, true from usage_records where turn_id = ${turnId}`;
    const { accounts } = await atRest(world, organizationId);
    expect(accounts).toMatchObject({ customer: -20, house: -7, revenue: 27 });
  });

  test("without a price of its own by the fallback, and marked; without any it is marked as not priced", async () => {
    const agent = await ours.agent({ model: "test/unheard-of" });
    world.model.script({ tokens: 1, usage: { prompt_tokens: 10, completion_tokens: 2 } });
    await endOf(agent);
    expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: -(10 * 5 + 2 * 25) });
    await setPrices(ours, organizationId, { name: "test/unheard-of", withdrawn: true });
    expect((await world.gateway.readStatement(ours.caller, {})).items).toMatchObject([{ assumedCalls: 1, unpricedCalls: 0 }]);
  });
});

describe("who has to have money first", () => {
  test("and has none, asks no model: the turn ends with `budget`", async () => {
    await prepaid(0);
    const agent = await ours.agent();
    const calls = world.model.journal.length;
    const text = "The organization's balance is used up: it needs credits.";
    expect(await endOf(agent)).toMatchObject({ type: "turn.failed", data: { reason: "budget", text, refusedBy: { kind: "balance" } } });
    expect(world.model.journal.length).toBe(calls);
    expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: 0 });
  });

  test("and has enough, gets all of the answer, and pays what was used and nothing more", async () => {
    await prepaid(10_000);
    const agent = await ours.agent();
    world.model.script({ tokens: 200, usage: { prompt_tokens: 12, completion_tokens: 200 } });
    expect(await endOf(agent)).toMatchObject({ type: "turn.completed" });
    expect(await atRest(world, organizationId)).toMatchObject({
      balanceMicros: 10_000 - used({ prompt_tokens: 12, completion_tokens: 200 }),
    });
  });

  test("and runs out within an answer, pays for what was said, and no more is said than was paid for", async () => {
    await prepaid(1_000);
    const agent = await ours.agent();
    world.model.script({ tokens: 400, delayMs: 2 });
    const before = world.model.journal.length;
    const end = await endOf(agent);
    expect(end).toMatchObject({ type: "turn.failed", data: { reason: "budget" } });
    const said = String((end?.data as { result?: string }).result ?? "").split(" ").length;
    const { balanceMicros } = await atRest(world, organizationId);
    expect(balanceMicros).toBeGreaterThanOrEqual(-SLICE * OUT_MICROS);
    expect(said * OUT_MICROS).toBeLessThanOrEqual(1_000 + SLICE * OUT_MICROS);
    expect(said * OUT_MICROS).toBeGreaterThan(1_000 - 2 * SLICE * OUT_MICROS - 200);
    await expect.poll(() => world.model.journal[before]?.outcome).toBe("aborted");
    expect((await world.gateway.readStatement(ours.caller, {})).items).toMatchObject([{ calls: 1, estimatedCalls: 1 }]);
  });

  test("and runs out while the model writes the arguments of a call: it is heard no further, and the call is not made", async () => {
    await prepaid(1_000);
    const agent = await ours.agent();
    // Of three pieces the first alone costs more than there is. It is held for in several statements, which a busy machine takes its time for.
    world.model.script({ toolCalls: [{ name: "remember", arguments: { text: "x".repeat(3_000) } }], delayMs: 300 });
    const before = world.model.journal.length;
    expect(await endOf(agent)).toMatchObject({ type: "turn.failed", data: { reason: "budget" } });
    await expect.poll(() => world.model.journal[before]?.outcome).toBe("aborted");
    const { balanceMicros } = await atRest(world, organizationId);
    expect(balanceMicros).toBeGreaterThanOrEqual(-SLICE * OUT_MICROS);
    expect(balanceMicros).toBeLessThan(1_000);
  });

  test("and waits for it while another call holds it, goes on when that one lets go", async () => {
    const agent = await ours.agent();
    await prepaid(400);
    const other = randomUUID();
    const key = { organizationId, id: other, kind: "call" as const, principalId: "key_other", agentId: null, userId: null };
    expect(await world.database.billing.grow(key, { firmMicros: 400 })).toMatchObject({ outcome: "granted" });
    const { events } = await start(ours, agent, "Hello");
    const rest = untilRest(events);
    await expect
      .poll(
        async () => (await world.sql.owner`select 1 from turns where organization_id = ${organizationId} and status = 'running'`).length,
      )
      .toBe(1);
    await world.database.billing.release({ organizationId, id: other });
    expect((await rest).at(-1)).toMatchObject({ type: "turn.completed" });
    await atRest(world, organizationId);
  });

  test("pays for its children, too, and their end is theirs", async () => {
    const helper = await ours.agent({ name: "Helper" });
    const router = await routerOver(ours, [helper as never], "sync", BASE);
    await prepaid(700);
    world.model.script(
      { toolCalls: [{ name: "helper", arguments: { query: "help" } }], usage: { prompt_tokens: 50, completion_tokens: 4 } },
      { tokens: 900, delayMs: 1 },
    );
    expect(await endOf(router)).toMatchObject({ type: "turn.failed", data: { reason: "budget" } });
    const { balanceMicros } = await atRest(world, organizationId);
    expect(balanceMicros).toBeGreaterThanOrEqual(-SLICE * OUT_MICROS);
  });
});

describe("budgets", () => {
  const WORDS = { organization: "the organization", key: "this key", agent: "this agent", user: "this user" };
  const budget = (scope: "organization" | "key" | "agent" | "user", subject: string, limitMicros: number, hard = true) =>
    world.gateway.setBudget(ours.caller, { scope, subject, period: "day", limitMicros, alertPercent: 50, hard });

  test.each(["organization", "key", "agent", "user"] as const)(
    "of %s stop what would go beyond them, whoever else has money",
    async (scope) => {
      const agent = await ours.agent();
      await budget(scope, { organization: "", key: payerKey, agent: agent.id, user: USER }[scope], 600);
      await budget("key", otherKey, 0);
      world.model.script({ tokens: 400, delayMs: 1 });
      expect(await endOf(agent)).toMatchObject({ type: "turn.failed", data: { reason: "budget" } });
      const { balanceMicros } = await atRest(world, organizationId);
      expect(-balanceMicros).toBeLessThanOrEqual(600 + SLICE * OUT_MICROS);
      const { items } = await world.gateway.listBudgets(ours.caller, { page: 1, perPage: 20 });
      expect(items[0]).toMatchObject({ scope, spentMicros: -balanceMicros, heldMicros: 0 });
      expect(items[1]).toMatchObject({ spentMicros: 0 });
      // The rest of it may be used up; then nobody is asked any more.
      for (let calls = -1; calls !== world.model.journal.length; await atRest(world, organizationId)) {
        calls = world.model.journal.length;
        await endOf(agent);
      }
      const refused = (await endOf(agent))?.data;
      const usedMicros = -(await atRest(world, organizationId)).balanceMicros;
      const standing = usedMicros < 600 ? "has no room for this call" : "is used up";
      const text = `The budget of ${WORDS[scope]} for the day ${standing}: an administrator may raise it.`;
      const refusedBy = { kind: "budget", scope, period: "day", ...(usedMicros < 600 && { tooLarge: true }) };
      expect(refused).toEqual({ ...refused, text, refusedBy });
      expect(usedMicros).toBeLessThanOrEqual(600 + SLICE * OUT_MICROS);
      const after = await world.gateway.listBudgets(ours.caller, { page: 1, perPage: 20 });
      expect(after.items[0]).toMatchObject({ alertedAt: expect.any(String), reachedAt: expect.any(String) });
    },
  );

  test("that are soft stop nothing, and tell once when they come near and once when they are reached", async () => {
    const agent = await ours.agent();
    await budget("organization", "", 200, false);
    await world.gateway.createEndpoint(ours.caller, {
      url: "https://example.com/hook",
      description: "",
      events: ["budget.alert"],
      includeContent: false,
    });
    const told = () =>
      world.sql.owner<
        { payload: { data: { isReached: boolean } } }[]
      >`select payload from webhook_deliveries where organization_id = ${organizationId} order by id`;
    for (const completion_tokens of [11, 11, 11]) {
      world.model.script({ tokens: 1, usage: { prompt_tokens: 0, completion_tokens } });
      expect(await endOf(agent)).toMatchObject({ type: "turn.completed" });
      await atRest(world, organizationId);
    }
    expect((await told()).map(({ payload }) => payload.data.isReached)).toEqual([false, true]);
  });
});

test("a model without a price of its own is refused where that is set, and a fallback that has one answers", async () => {
  const strict = await openWorld({ refuseUnpriced: true, limits: { holdBeginMs: 0 } });
  try {
    await setPrices(strict, strict.caller.organizationId);
    const agent = await strict.agent({ model: "test/unheard-of", fallbackModels: [MODEL] });
    const { events } = await start(strict, agent, "Hello");
    expect((await untilRest(events)).at(-1)).toMatchObject({ type: "turn.completed" });
    expect(strict.model.journal.map(({ body }) => body.model)).toEqual(["scripted"]);
  } finally {
    await strict.close();
  }
});

test("nothing is held for a turn that has ended, by whoever still asks", async () => {
  await prepaid(1_000_000);
  const agent = await ours.agent();
  const { events, submitted } = await start(ours, agent, "Hello");
  await untilRest(events);
  const before = await atRest(world, organizationId);
  const key = { organizationId, id: submitted.turnId ?? "", kind: "turn" as const, principalId: null, agentId: null, userId: null };
  expect(await world.database.billing.grow(key, { firmMicros: 1 })).toMatchObject({ outcome: "refused", mayWait: false });
  expect(await world.database.billing.account(organizationId)).toEqual(before);
});

test("a hold whose turn is gone is let go by the sweep", async () => {
  await prepaid(1_000);
  await world.database.billing.grow(
    { organizationId, id: randomUUID(), kind: "turn", principalId: null, agentId: null, userId: null },
    { firmMicros: 300 },
  );
  expect(await atRest(world, organizationId)).toMatchObject({ balanceMicros: 1_000 });
});

test("a summary is charged to the token, to its conversation's agent; where there is no money for it none is made", async () => {
  world.model.when(isSummaryCall, { text: ["<summary>Short.</summary>"], usage: { prompt_tokens: 500, completion_tokens: 7 } });
  const agent = await ours.agent();
  const conversationId = await longThread(ours, agent, 60);
  await atRest(world, organizationId);
  const before = (await world.database.billing.account(organizationId)).balanceMicros;
  const summaries = () => world.model.journal.filter((call) => isSummaryCall({ ...call, lastUserText: "" })).length;
  const compact = async () => {
    await world.database.compactions.mark({ organizationId, conversationId });
    await world.workers[0]?.engine.compact({ organizationId, conversationId }, new AbortController().signal);
  };
  await world.gateway.setBillingMode({ organizationId: organizationId as never, mode: "prepaid" });
  await compact();
  expect(summaries()).toBe(0);
  expect((await atRest(world, organizationId)).balanceMicros).toBe(before);

  await grant(world, organizationId, 1_000_000);
  await world.sql.owner`update compactions set due_at = now(), ordered_at = null where conversation_id = ${conversationId}`;
  await expect.poll(async () => (await liveSummaries(ours, conversationId)).length, { timeout: 20_000 }).toBeGreaterThan(0);
  await expect.poll(async () => (await dueCompactions(ours, conversationId)).length, { timeout: 20_000 }).toBe(0);
  const calls = summaries();
  expect((await atRest(world, organizationId)).balanceMicros).toBe(before + 1_000_000 - calls * (500 * IN_MICROS + 7 * OUT_MICROS));
});
