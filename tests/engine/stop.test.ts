import type { ConversationId, LogEvent } from "@parley/contracts";
import { collectUntil, openWorld, tokenText, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { seededRandom } from "./testing/seeded-random.ts";
import { ends, isEnd, logUntil, routerOver, start, stateOf, submit } from "./testing/start.ts";

let world: World;
let still: World;
beforeAll(async () => {
  [world, still] = await Promise.all([openWorld({ workers: 2 }), openWorld({ started: false })]);
});
afterAll(() => Promise.all([world.close(), still.close()]));
beforeEach(() => world.model.otherwise({ tokens: 5 }));

const stop = (of: World, conversationId: string, more: { turnId?: string; clearQueue?: boolean } = {}, gateway = of.gateway) =>
  gateway.stopConversation(of.caller, { conversationId, clearQueue: false, ...more });

const questions = { questions: [{ id: "q", text: "Which one?" }] };

test("a turn that no worker has claimed yet is stopped at once, and no worker ever runs it", async () => {
  const agent = await still.agent();
  const { conversationId, turnId } = await submit(still, agent, "hello");
  expect(await stop(still, conversationId)).toMatchObject({ stopped: true, turnId });
  expect(await stateOf(still, conversationId)).toMatchObject({ state: "idle", held: true, status: "stopped", turnId: null });
  const [worker] = still.workers;
  await worker?.engine.runTurn({ organizationId: still.caller.organizationId, conversationId });
  expect(still.model.journal).toHaveLength(0);
  const seen = await logUntil(still, conversationId, isEnd);
  expect(seen.map((event) => event.type)).toEqual(["turn.created", "turn.stopped"]);
});

test("a stop from another replica closes the model's socket, and no token follows the end", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 5_000, delayMs: 2 });
  const { events, submitted } = await start(world, agent, "count");
  const { conversationId, turnId } = submitted;
  const call = () => world.model.journal.at(-1);
  let asked: ReturnType<typeof stop> | undefined;
  const seen: LogEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.type === "turn.delta" && event.data.offset > 200) asked ??= stop(world, conversationId, { turnId }, world.otherGateway);
    if (isEnd(event)) break;
  }
  expect(await asked).toMatchObject({ stopped: true, turnId, queueCleared: 0 });
  await expect.poll(() => call()?.socketClosedAtMs).not.toBeNull();
  const { tokensSent } = call() ?? {};
  const said = seen.flatMap((event) => (event.type === "turn.delta" ? [event.data.text] : [])).join("");
  const end = seen.at(-1);
  expect(end).toMatchObject({ type: "turn.stopped", data: { reason: "user_stop", result: said } });
  expect(tokenText(5_000).startsWith(said)).toBe(true);
  // What reaches the log afterwards is no text of the stopped turn.
  await submit(world, agent, "next", { conversationId });
  const all = await logUntil(world, conversationId, (event) => isEnd(event) && "turnNumber" in event.data && event.data.turnNumber === 2);
  const afterStop = all.slice(all.findIndex((event) => event.type === "turn.stopped") + 1);
  expect(afterStop.filter((event) => event.type === "turn.delta" && event.turnId === turnId)).toEqual([]);
  expect(call()?.tokensSent).not.toBe(5_000);
  expect(tokensSent).toBeLessThan(5_000);
});

test("a turn that waits for answers holds no worker; stopping it cancels its card", async () => {
  const agent = await world.agent();
  world.model.script({ text: ["Let me ask. "], toolCalls: [{ name: "ask_user_questions", arguments: questions }] });
  const { events, submitted } = await start(world, agent, "ask me");
  const { conversationId, turnId } = submitted;
  const seen = await collectUntil(events, (event) => event.type === "turn.paused");
  const opened = seen.find((event) => event.type === "card.opened");
  expect(opened).toMatchObject({ data: { questions: [{ id: "q", text: "Which one?", allowFreeText: true }] } });
  await expect.poll(() => world.engines.reduce((sum, engine) => sum + engine.activeTurns(), 0)).toBe(0);
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "paused", status: "paused", cardsOpen: 1, turnId });
  expect(await world.sql.owner`select status, turn_id from cards where conversation_id = ${conversationId}`).toEqual([
    { status: "open", turn_id: turnId },
  ]);
  await stop(world, conversationId);
  expect(await world.sql.owner`select status from cards where conversation_id = ${conversationId}`).toEqual([{ status: "cancelled" }]);
  const log = await logUntil(world, conversationId, isEnd);
  expect(log.slice(-2)).toMatchObject([
    { type: "card.closed", data: { outcome: "cancelled" } },
    { type: "turn.stopped", data: { usage: { modelCalls: 1 } } },
  ]);
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", held: true, cardsOpen: 0 });
});

test("a stop that names another turn than the current one stops nothing", async () => {
  const agent = await world.agent();
  const first = await start(world, agent, "first");
  await untilRest(first.events);
  const { conversationId, turnId } = first.submitted;
  expect(await stop(world, conversationId, { turnId })).toMatchObject({ stopped: false, turnId: null });
  expect(await stateOf(world, conversationId)).toMatchObject({ held: false });
  world.model.script({ tokens: 60, delayMs: 5 });
  const second = await start(world, agent, "second", { conversationId });
  const waiting = await submit(world, agent, "third", { conversationId });
  expect(await stop(world, conversationId, { turnId })).toMatchObject({ stopped: false });
  expect(await stop(world, conversationId, { turnId: waiting.turnId })).toMatchObject({ stopped: false });
  const seen = await untilRest(second.events);
  expect(ends(seen).map((event) => event.type)).toEqual(["turn.completed", "turn.completed"]);
});

test("a stop keeps what waits and holds it, or clears it when told to; a second stop changes nothing", async () => {
  const agent = await world.agent();
  // No order of replies: the stop may come before the model is asked.
  world.model.when(({ lastUserText }) => lastUserText === "count on and on", { tokens: 5_000, delayMs: 5 });
  for (const clearQueue of [false, true]) {
    const { events, submitted } = await start(world, agent, "count on and on");
    const { conversationId } = submitted;
    await submit(world, agent, "one", { conversationId });
    await submit(world, agent, "two", { conversationId });
    const left = clearQueue ? 0 : 2;
    expect(await stop(world, conversationId, { clearQueue })).toMatchObject({ stopped: true, queueCleared: 2 - left, queueDepth: left });
    const seen = await collectUntil(events, isEnd);
    expect(seen.at(-1)).toMatchObject({ type: "turn.stopped", data: { more: false } });
    expect(seen.filter((event) => event.type === "queue.updated" && event.data.action === "clear")).toHaveLength(clearQueue ? 1 : 0);
    expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", held: true, queueDepth: left });
    expect(await stop(world, conversationId)).toMatchObject({ stopped: false, turnId: null });
    expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", queueDepth: left });
  }
});

test("stopping a conversation of its own execution waits for the end, and is idempotent", async () => {
  const router = await routerOver(world, [await world.agent({ name: "Leaf" })], "sync");
  world.model.script({ toolCalls: [{ name: "leaf", arguments: { query: "x" } }] }, { tokens: 5_000, delayMs: 5 });
  const { events, submitted } = await start(world, router, "count");
  const child = (await collectUntil(events, (event) => event.type === "turn.delta")).at(-1)?.executionId ?? "";
  expect(await world.gateway.stopExecution(world.caller, child)).toMatchObject({ id: child, status: "stopped", stoppedByUser: true });
  const root = await world.gateway.stopExecution(world.caller, submitted.conversationId);
  expect(root).toMatchObject({ status: "stopped", stoppedByUser: true, reason: "user_stop" });
  expect(await world.gateway.stopExecution(world.caller, submitted.conversationId)).toEqual(root);
});

test("however a stop and the end of a turn race, a turn ends once, and what is said of it agrees", async () => {
  const random = seededRandom(11);
  const agent = await world.agent();
  world.model.otherwise({ tokens: 8, delayMs: 3 });
  const outcomes = new Map<string, number>();
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const { submitted, events } = await start(world, agent, "race");
      const { conversationId, turnId } = submitted;
      // From before the claim to well after the last token.
      let left = Math.floor(random() * 14);
      const both = random() < 0.3;
      const ask = () =>
        Promise.all([
          stop(world, conversationId, { turnId }),
          ...(both ? [stop(world, conversationId, { turnId, clearQueue: true }, world.otherGateway)] : []),
        ]);
      let asking: ReturnType<typeof ask> | undefined;
      const seen = await collectUntil(events, (event) => {
        left -= 1;
        if (left <= 0) asking ??= ask();
        return isEnd(event);
      });
      const asked = await (asking ?? ask());
      const [end, ...others] = ends(seen);
      expect(others).toEqual([]);
      outcomes.set(end?.type ?? "", (outcomes.get(end?.type ?? "") ?? 0) + 1);
      const wasStopped = end?.type === "turn.stopped";
      expect(asked.some((answer) => answer.stopped)).toBe(wasStopped);
      const state = await stateOf(world, conversationId);
      expect(state).toMatchObject({ state: "idle", turnId: null, status: wasStopped ? "stopped" : "completed", held: wasStopped });
      const durable = await logUntil(world, conversationId, isEnd);
      expect(ends(durable)).toHaveLength(1);
    }),
  );
  expect(Object.fromEntries(outcomes)).toEqual({ "turn.completed": expect.any(Number), "turn.stopped": expect.any(Number) });
});

test("a stopped conversation answers the next message, whose turn the old stop does not touch", async () => {
  const agent = await world.agent();
  world.model.when(({ lastUserText }) => lastUserText === "count on", { tokens: 5_000, delayMs: 5 });
  for (let round = 0; round < 10; round += 1) {
    const { submitted } = await start(world, agent, "count on");
    const conversationId = submitted.conversationId as ConversationId;
    const [, next] = await Promise.all([stop(world, conversationId), submit(world, agent, "again", { conversationId })]);
    if ((await stateOf(world, conversationId)).held) await world.gateway.drainConversation(world.caller, conversationId);
    await expect
      .poll(async () => {
        const state = await stateOf(world, conversationId);
        if (state.state === "idle" && state.queueDepth > 0) await world.gateway.drainConversation(world.caller, conversationId);
        return (await world.database.executions.findTurn(world.caller.organizationId, conversationId, next.turnId))?.status;
      })
      .toBe("completed");
  }
});

test("a message that comes between a stop and the end of its turn runs next: it is the next explicit action", async () => {
  const agent = await world.agent();
  for (const how of [{}, { invoke: true }]) {
    world.model.script({ tokens: 5_000, delayMs: 2 });
    const { events, submitted } = await start(world, agent, "count");
    const { conversationId } = submitted;
    await collectUntil(events, (event) => event.type === "turn.delta");
    // The holder sleeps, so that it hears of the stop no sooner than the message is in.
    for (const worker of world.workers) worker.freeze();
    const key = { organizationId: world.caller.organizationId, conversationId };
    expect(await world.database.conversations.stop(key, { turnId: null, clearQueue: false })).toMatchObject({ stopped: true });
    const next = await submit(world, agent, "and now", { conversationId, ...how });
    expect(next.action).toBe("queued");
    for (const worker of world.workers) worker.thaw();
    const seen = await logUntil(world, conversationId, (event) => isEnd(event) && event.turnId === next.turnId);
    expect(ends(seen).map((event) => event.type)).toEqual(["turn.stopped", "turn.completed"]);
  }
});

test("a drain ordered between a stop and the end of its turn lets the queue go on", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 5_000, delayMs: 2 });
  const { events, submitted } = await start(world, agent, "count");
  const { conversationId } = submitted;
  const waiting = await submit(world, agent, "waiting", { conversationId });
  await collectUntil(events, (event) => event.type === "turn.delta");
  for (const worker of world.workers) worker.freeze();
  const key = { organizationId: world.caller.organizationId, conversationId };
  await world.database.conversations.stop(key, { turnId: null, clearQueue: false });
  expect(await world.gateway.drainConversation(world.caller, conversationId)).toMatchObject({ action: "running" });
  for (const worker of world.workers) worker.thaw();
  await logUntil(world, conversationId, (event) => isEnd(event) && event.turnId === waiting.turnId);
});

test("a stop on a conversation at rest ends what its turns have started in the background", async () => {
  const slow = await world.agent({ name: "Slow" });
  const router = await routerOver(world, [slow], "async");
  world.model.when(({ lastUserText }) => lastUserText === "dig for ever", { tokens: 5_000, delayMs: 5 });
  world.model.script({ toolCalls: [{ name: "slow", arguments: { query: "dig for ever" } }] });
  const { events, submitted } = await start(world, router, "go");
  const { conversationId } = submitted;
  await untilRest(events);
  expect(await stop(world, conversationId)).toMatchObject({ stopped: true, turnId: null });
  const seen = await logUntil(world, conversationId, (event) => event.type === "child.finished");
  expect(seen.at(-1)).toMatchObject({ data: { status: "stopped", reason: "user_stop" } });
  expect(await stop(world, conversationId)).toMatchObject({ stopped: false });
  const again = await submit(world, router, "hello", { conversationId });
  await logUntil(world, conversationId, (event) => event.type === "turn.completed" && event.turnId === again.turnId);
});

test("the parent of a background child that waits for answers is told when the child is stopped", async () => {
  const asking = await world.agent({ name: "Asking" });
  const router = await routerOver(world, [asking], "async");
  world.model.when(({ lastUserText }) => lastUserText === "ask them", {
    toolCalls: [{ name: "ask_user_questions", arguments: questions }],
  });
  world.model.script({ toolCalls: [{ name: "asking", arguments: { query: "ask them" } }] });
  const { events, submitted } = await start(world, router, "go");
  await untilRest(events);
  const children = async () => (await world.gateway.getConversation(world.caller, { conversationId: submitted.conversationId })).children;
  await expect.poll(async () => (await children())[0]?.execution.status).toBe("paused");
  const [child] = await children();
  await world.gateway.stopExecution(world.caller, child?.execution.id ?? "");
  const seen = await logUntil(world, submitted.conversationId, (event) => event.type === "child.finished");
  expect(seen.at(-1)).toMatchObject({ data: { childId: child?.execution.id, status: "stopped" } });
});
