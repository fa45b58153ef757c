import { foldText, LIMITS, NO_TEXT, START } from "@parley/contracts";
import { collectUntil, openWorld, tokenText, typesOf, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ends, isEnd, logUntil, routerOver, start, submit } from "./testing/start.ts";

const LEASE_MS = 1_000;

let world: World;
beforeAll(async () => {
  world = await openWorld({ workers: 3, leaseMs: LEASE_MS });
});
afterAll(() => world.close());
beforeEach(() => {
  for (const worker of world.workers) worker.thaw();
});

/** The worker that runs a conversation now. */
async function holderOf(conversationId: string, { sql, workers } = world) {
  const [row] = await sql.owner<{ lease_owner: string }[]>`select lease_owner from conversations where id = ${conversationId}`;
  const worker = workers[Number(row?.lease_owner.split("-").at(-1))];
  if (worker === undefined) throw new Error("Nobody runs it.");
  return worker;
}

const usageOf = (turnId: string) => world.sql.owner<{ attempt: number; step: number; estimated: boolean }[]>`
  select attempt, step, estimated from usage_records where turn_id = ${turnId} order by attempt, step, try`;

test("a dead worker's turn is taken over within its lease and two seconds, and ends once with every token", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 4_000, delayMs: 20 }, { tokens: 60, delayMs: 1 });
  const { events, submitted } = await start(world, agent, "count");
  let deltas = 0;
  let diedAtMs = 0;
  let superseded = 0;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta") deltas += 1;
    if (deltas === 10 && diedAtMs === 0) {
      diedAtMs = performance.now();
      void holderOf(submitted.conversationId).then((worker) => worker.freeze());
    }
    if (event.type === "attempt.superseded") superseded = performance.now() - diedAtMs;
    return event.type === "turn.completed";
  });
  expect(superseded).toBeLessThan(LEASE_MS + 2_000);
  const took = seen.find((event) => event.type === "attempt.superseded");
  const firstDelta = seen.find((event) => event.type === "turn.delta");
  expect(took).toMatchObject({ data: { attempt: 1, nextAttempt: 2, reason: "lease_lost", discardFrom: firstDelta?.cursor } });
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: tokenText(60) } });
  expect(seen.reduce(foldText, NO_TEXT).answer).toBe(tokenText(60));
  // Folded without the end as well: the pieces alone are the whole answer.
  expect(seen.slice(0, -1).reduce(foldText, NO_TEXT).open[submitted.conversationId]?.text).toBe(tokenText(60));
  expect(ends(await logUntil(world, submitted.conversationId, (event) => event.type === "turn.completed"))).toHaveLength(1);
});

test("a step that was written down is not asked of the model again, nor is its finished child", async () => {
  const joker = await world.agent({ name: "Joker" });
  const router = await routerOver(world, [joker], "sync");
  const before = world.model.journal.length;
  world.model.script(
    { toolCalls: [{ name: "joker", arguments: { query: "a joke" } }] },
    { text: ["ha"] },
    { tokens: 4_000, delayMs: 20 },
    { text: ["It said ha"] },
  );
  const { events, submitted } = await start(world, router, "joke");
  let died = false;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta" && event.executionId === submitted.conversationId && !died) {
      died = true;
      void holderOf(submitted.conversationId).then((worker) => worker.freeze());
    }
    return event.type === "turn.completed";
  });
  const calls = world.model.journal.slice(before);
  expect(calls.map((call) => call.body.messages?.at(-1)?.role)).toEqual(["user", "user", "tool", "tool"]);
  expect(typesOf(seen).filter((type) => type === "child.finished")).toHaveLength(1);
  const returned = seen.find((event) => event.type === "tool.returned");
  const took = seen.find((event) => event.type === "attempt.superseded");
  if (took?.type !== "attempt.superseded") throw new Error("Nobody took over.");
  // Clients discard from the unfinished step on: what the recorded one wrote before it stays.
  const recorded = seen.findIndex((event) => event.type === "step.completed");
  expect(seen.findIndex((event) => event.cursor === took.data.discardFrom)).toBeGreaterThan(recorded);
  expect(returned).toMatchObject({ data: { tool: "joker", result: expect.stringContaining("ha"), isError: false } });
  const view = await world.gateway.getConversation(world.caller, { conversationId: submitted.conversationId });
  expect(view.root.execution).toMatchObject({ status: "completed", result: "It said ha", attempt: 2 });
  expect(view.children).toMatchObject([{ execution: { status: "completed", result: "ha" }, usage: { modelCalls: 1 } }]);
});

test("a child that was cut off with its worker goes on under the same id", async () => {
  const digger = await world.agent({ name: "Digger" });
  const router = await routerOver(world, [digger], "sync");
  world.model.script(
    { toolCalls: [{ name: "digger", arguments: { query: "dig" } }] },
    { tokens: 4_000, delayMs: 20 },
    { text: ["gold"] },
    { text: ["Found gold"] },
  );
  const { events, submitted } = await start(world, router, "find");
  let died = false;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta" && !died) {
      died = true;
      void holderOf(submitted.conversationId).then((worker) => worker.freeze());
    }
    return event.type === "turn.completed";
  });
  const created = seen.filter((event) => event.type === "child.created");
  const finished = seen.filter((event) => event.type === "child.finished");
  expect(created).toHaveLength(1);
  expect(finished).toMatchObject([{ data: { childId: created[0]?.data.childId, result: "gold", status: "completed" } }]);
});

test("a worker that wakes after its lease writes nothing more, and what it used is recorded once", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 100, delayMs: 20 }, { tokens: 30, delayMs: 1 });
  const { events, submitted } = await start(world, agent, "count");
  let zombie: Awaited<ReturnType<typeof holderOf>> | undefined;
  await collectUntil(events, (event) => {
    if (event.type === "turn.delta" && zombie === undefined) {
      void holderOf(submitted.conversationId).then((worker) => {
        zombie = worker;
        worker.freeze();
      });
    }
    return event.type === "turn.completed";
  });
  // Its own answer is whole by now and waits to be written.
  await expect.poll(() => world.model.journal.every((call) => call.outcome !== "open")).toBe(true);
  zombie?.thaw();
  await expect.poll(() => zombie?.engine.activeTurns()).toBe(0);
  await expect
    .poll(async () => (await usageOf(submitted.turnId)).map(({ attempt, step }) => [attempt, step]))
    .toEqual([
      [1, 1],
      [2, 1],
    ]);
  const page = await world.database.logs.read({ ...keyOf(submitted.conversationId), after: START, limit: 500 });
  expect(page?.events.filter((event) => event.type === "turn.completed")).toHaveLength(1);
  expect(page?.execution.result).toBe(tokenText(30));
});

const keyOf = (conversationId: string) => ({ organizationId: world.caller.organizationId, conversationId });

test("a commit, a give-back and a renewal under an old epoch are refused and change nothing", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 2_000, delayMs: 5 });
  const { events, submitted } = await start(world, agent, "count");
  await collectUntil(events, (event) => event.type === "turn.delta");
  const page = await world.database.logs.read({ ...keyOf(submitted.conversationId), after: START, limit: 500 });
  const fence = { ...keyOf(submitted.conversationId), epoch: (page?.epoch ?? 0) - 1, n: 5, turnId: submitted.turnId };
  expect(await world.database.turns.commit(fence, { events: [] }, { leaseMs: LEASE_MS, wakesMax: 0 })).toEqual({ outcome: "stale" });
  expect(await world.database.turns.giveBack(fence, [])).toBe(false);
  expect(await world.database.turns.renew([{ ...fence, texts: null }], LEASE_MS)).toMatchObject([{ alive: false }]);
  expect(await world.database.turns.claim(keyOf(submitted.conversationId), { worker: "w", leaseMs: 1, historyTurnsMax: 1 })).toBeNull();
  await world.gateway.stopConversation(world.caller, { conversationId: submitted.conversationId, clearQueue: false });
  await logUntil(world, submitted.conversationId, (event) => event.type === "turn.stopped");
});

test("a turn whose workers all die ends as failed when its attempts are used up, and shutdowns do not count", async () => {
  const agent = await world.agent();
  world.model.script({ text: ["never asked again"] });
  const { conversationId, turnId } = (await start(world, agent, "count")).submitted;
  await logUntil(world, conversationId, (event) => event.type === "turn.completed");
  // As after as many dead workers: the row is all that a claim looks at.
  const asked = world.model.journal.length;
  const revive = (attempt: number, giveBacks: number) =>
    world.sql.owner.begin(async (tx) => {
      await tx`update turns set status = 'running', attempt = ${attempt}, give_backs = ${giveBacks} where id = ${turnId}`;
      await tx`update conversations set state = 'running', turn_id = ${turnId}, lease_until = now() where id = ${conversationId}`;
    });
  world.model.script({ text: ["counted"] });
  await revive(LIMITS.attemptsPerTurnMax + 1, 2);
  const head = async () => (await world.database.logs.read({ ...keyOf(conversationId), after: START, limit: 500 }))?.events ?? [];
  await expect.poll(async () => ends(await head()).length, { timeout: 10_000 }).toBe(2);
  expect(ends(await head()).at(-1)).toMatchObject({ type: "turn.completed", data: { result: "counted" } });
  await revive(LIMITS.attemptsPerTurnMax, 0);
  await expect.poll(async () => ends(await head()).length, { timeout: 10_000 }).toBe(3);
  expect(ends(await head()).at(-1)).toMatchObject({ type: "turn.failed", data: { status: "error", reason: "attempts_exhausted" } });
  expect(world.model.journal).toHaveLength(asked + 1);
});

test("a write that comes again because its answer was lost is known, and is not made twice", async () => {
  const still = await openWorld({ started: false });
  try {
    const agent = await still.agent();
    const { conversationId } = await submit(still, agent, "hello");
    const key = { organizationId: still.caller.organizationId, conversationId };
    const claim = await still.database.turns.claim(key, { worker: "w", leaseMs: 60_000, historyTurnsMax: 1 });
    if (claim === null) throw new Error("Nothing to claim.");
    const about = { executionId: conversationId, turnId: claim.turn.id };
    const events = [{ ...about, type: "model.retried" as const, data: { model: "m", retry: 1, delayMs: 1, error: "e" } }];
    const fence = { ...key, epoch: claim.epoch, n: claim.n, turnId: claim.turn.id };
    const usage = { turnId: claim.turn.id, executionId: conversationId, attempt: 1, step: 1, try: 0, model: "m" };
    const tokens = { inputTokens: 1, outputTokens: 1, cachedTokens: 0, reasoningTokens: 0, estimated: false };
    const write = () => still.database.turns.commit(fence, { events, usage: [{ ...usage, ...tokens }] }, { leaseMs: 60_000, wakesMax: 0 });
    const first = await write();
    expect(await write()).toEqual(first);
    const finish = { status: "completed" as const, reason: null, text: null, result: "r", usage: { ...tokens, modelCalls: 1 } };
    const end = () => still.database.turns.commit({ ...fence, n: fence.n + 1 }, { finish }, { leaseMs: 60_000, wakesMax: 0 });
    const ended = await end();
    expect(await end()).toEqual(ended);
    const seen = await logUntil(still, conversationId, isEnd);
    expect(typesOf(seen)).toEqual(["turn.created", "turn.started", "model.retried", "turn.completed"]);
    expect(await still.sql.owner`select from usage_records where turn_id = ${claim.turn.id}`).toHaveLength(1);
  } finally {
    await still.close();
  }
});

test("facts that wait for the holder come before those that are written once it has given its turn back", async () => {
  const still = await openWorld({ started: false });
  try {
    const agent = await still.agent();
    const { conversationId } = await submit(still, agent, "hello");
    const key = { organizationId: still.caller.organizationId, conversationId };
    const claim = await still.database.turns.claim(key, { worker: "w", leaseMs: 60_000, historyTurnsMax: 1 });
    if (claim === null) throw new Error("Nothing to claim.");
    await submit(still, agent, "waits", { conversationId });
    const fence = { ...key, epoch: claim.epoch, n: claim.n, turnId: claim.turn.id };
    expect(await still.database.turns.giveBack(fence, [])).toBe(true);
    await still.gateway.clearQueue(still.caller, conversationId);
    await still.gateway.stopConversation(still.caller, { conversationId, clearQueue: false });
    const seen = await logUntil(still, conversationId, (event) => event.type === "turn.stopped");
    const said = seen.map((event) => (event.type === "queue.updated" ? event.data.action : event.type));
    expect(said).toEqual(["turn.created", "turn.started", "enqueue", "clear", "turn.stopped"]);
  } finally {
    await still.close();
  }
});

test("a worker that shuts down gives its turn back: another one has it at once, and no attempt is used up", async () => {
  const small = await openWorld({ workers: 2, leaseMs: 60_000 });
  try {
    const agent = await small.agent();
    small.model.script({ tokens: 4_000, delayMs: 20 }, { tokens: 20, delayMs: 1 });
    const { events, submitted } = await start(small, agent, "count");
    await collectUntil(events, (event) => event.type === "turn.delta");
    const leaving = await holderOf(submitted.conversationId, small);
    const startedAtMs = performance.now();
    await Promise.all([leaving.jobs.close(0), leaving.engine.drain(0)]);
    const seen = await logUntil(small, submitted.conversationId, (event) => event.type === "turn.completed");
    expect(performance.now() - startedAtMs).toBeLessThan(15_000);
    expect(seen.find((event) => event.type === "attempt.superseded")).toMatchObject({
      data: { attempt: 1, nextAttempt: 2, reason: "shutdown" },
    });
    expect(seen.at(-1)).toMatchObject({ data: { result: tokenText(20) } });
    const turns = await small.sql.owner`select attempt, give_backs from turns where id = ${submitted.turnId}`;
    expect(turns).toEqual([{ attempt: 2, give_backs: 1 }]);
  } finally {
    await small.close();
  }
});
