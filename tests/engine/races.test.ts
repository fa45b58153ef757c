import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isEnd, logUntil, stateOf, submit } from "./testing/start.ts";

/** Nobody runs anything here: each step of these races is taken by hand. The traces were found by the model in docs/protocol. */
let world: World;
beforeAll(async () => {
  world = await openWorld({ started: false });
});
afterAll(() => world.close());

const keyOf = (conversationId: string) => ({ organizationId: world.caller.organizationId, conversationId });
const stop = (conversationId: string) => world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false });
const claim = (conversationId: string) =>
  world.database.turns.claim(keyOf(conversationId), { worker: "by hand", leaseMs: 10_000, historyTurnsMax: 10 });
const run = (conversationId: string) => world.workers[0]?.engine.runTurn(keyOf(conversationId));

async function giveBack(conversationId: string) {
  const claimed = await claim(conversationId);
  if (claimed === null) throw new Error("There was nothing to claim.");
  return () => world.database.turns.giveBack({ ...keyOf(conversationId), epoch: claimed.epoch, n: claimed.n, turnId: claimed.turn.id }, []);
}

test("a drain order that is older than a stop does not start the held queue", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "waits", { mode: "queue" });
  await world.gateway.drainConversation(world.caller, conversationId);
  await submit(world, agent, "now", { conversationId });
  await submit(world, agent, "later", { conversationId });
  await stop(conversationId);
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", held: true, queueDepth: 2 });
  await world.workers[0]?.engine.drainQueue(keyOf(conversationId));
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", held: true, queueDepth: 2 });
  await world.gateway.drainConversation(world.caller, conversationId);
  await world.workers[0]?.engine.drainQueue(keyOf(conversationId));
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "ready", held: false, queueDepth: 1 });
});

test("a message sent after a stop is run, also when the stopped turn was given back in between", async () => {
  const agent = await world.agent();
  const { conversationId, turnId } = await submit(world, agent, "first");
  const back = await giveBack(conversationId);
  await stop(conversationId);
  await back();
  const next = await submit(world, agent, "next", { conversationId });
  await run(conversationId);
  const log = await logUntil(world, conversationId, isEnd);
  expect(log.at(-1)).toMatchObject({ turnId, type: "turn.stopped", data: { reason: "user_stop", more: true } });
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "ready", turnId: next.turnId, held: false });
});

test("an interrupt that was told it has started runs before a steer that came too late, in whatever order the queue was", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "first");
  const steer = await submit(world, agent, "steer", { conversationId, mode: "steer" });
  const interrupt = await submit(world, agent, "now", { conversationId, mode: "interrupt" });
  expect(interrupt).toMatchObject({ action: "started" });
  expect(await stateOf(world, conversationId)).toMatchObject({ turnId: interrupt.turnId, queue: [{ id: steer.messageId }] });
});

test("a turn that the user stopped is told as stopped by the user, whatever interrupts it as well", async () => {
  const agent = await world.agent();
  for (const first of ["stop", "interrupt"] as const) {
    const { conversationId, turnId } = await submit(world, agent, "first");
    const back = await giveBack(conversationId);
    const interrupt = () => submit(world, agent, "now", { conversationId, mode: "interrupt" });
    if (first === "interrupt") await interrupt();
    await stop(conversationId);
    await back();
    if (first === "stop") await interrupt();
    else await run(conversationId);
    const log = await logUntil(world, conversationId, isEnd);
    expect(log.at(-1)).toMatchObject({ turnId, type: "turn.stopped", data: { reason: "user_stop" } });
  }
});

test("a worker that heard of the interrupt first still tells the user's stop that came after it", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "first");
  const claimed = await claim(conversationId);
  if (claimed === null) throw new Error("There was nothing to claim.");
  await submit(world, agent, "now", { conversationId, mode: "interrupt" });
  await stop(conversationId);
  const usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0, modelCalls: 0, estimated: false };
  await world.database.turns.commit(
    { ...keyOf(conversationId), epoch: claimed.epoch, n: claimed.n, turnId: claimed.turn.id },
    { finish: { status: "stopped", reason: "superseded", text: null, result: null, usage } },
    { leaseMs: 10_000, wakesMax: 10 },
  );
  expect((await logUntil(world, conversationId, isEnd)).at(-1)).toMatchObject({ data: { reason: "user_stop", more: false } });
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", held: true, queueDepth: 1 });
});

test("a stop of a conversation at rest holds what was about to start by itself", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "waits", { mode: "queue" });
  expect(await stop(conversationId)).toMatchObject({ stopped: false, turnId: null, queueDepth: 1 });
  await world.sql.owner`update conversations set due_at = now() - interval '1 minute' where id = ${conversationId} and due_at is not null`;
  expect(await world.sql.sweep`select take_repairs(true, 10) as found`).toEqual([{ found: [] }]);
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", held: true });
});
