import type { EventOf, LogEvent } from "@parley/contracts";
import { collectUntil, openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ends, isEnd, logUntil, routerOver, start, stateOf, submit } from "./testing/start.ts";

let world: World;
/** Nobody runs anything here until a test does. */
let still: World;
beforeAll(async () => {
  [world, still] = await Promise.all([openWorld({ workers: 2 }), openWorld({ started: false })]);
  for (const one of [world, still]) one.model.when(({ lastUserText }) => lastUserText.startsWith("slow"), { tokens: 4_000, delayMs: 5 });
});
afterAll(() => Promise.all([world.close(), still.close()]));
beforeEach(() => {
  for (const one of [world, still]) one.model.otherwise(({ lastUserText }) => ({ text: [`answer to ${lastUserText}`] }));
});

const isType =
  <Type extends LogEvent["type"]>(type: Type) =>
  (event: LogEvent): event is EventOf<Type> & LogEvent =>
    event.type === type;

const rest = (conversationId: string, of = world) =>
  logUntil(of, conversationId, (event) => isEnd(event) && "more" in event.data && !event.data.more);
const message = (conversationId: string, messageId: string, of = world) => of.gateway.getMessage(of.caller, { conversationId, messageId });
const answers = (events: LogEvent[]) => events.flatMap((event) => (event.type === "turn.completed" ? [event.data.result] : []));
const runAll = (conversationId: string) =>
  still.workers[0]?.engine.runTurn({ organizationId: still.caller.organizationId, conversationId });

/** What the model was told last, as role and text. */
const lastPrompt = (of = world) => of.model.journal.at(-1)?.body.messages?.map(({ role, content }) => [role, content]) ?? [];

test("a steer is heard at the next step boundary, behind the results of the step before, and an event says so", async () => {
  const digger = await world.agent({ name: "Digger" });
  const router = await routerOver(world, [digger], "sync");
  world.model.script({ toolCalls: [{ name: "digger", arguments: { query: "slow dig" } }] }, { tokens: 20, delayMs: 20 });
  const { events, submitted } = await start(world, router, "find");
  const { conversationId, turnId } = submitted;
  let steer: ReturnType<typeof submit> | undefined;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "child.created") steer ??= submit(world, router, "look left", { conversationId, mode: "steer" });
    return isEnd(event);
  });
  const taken = await steer;
  expect(taken).toMatchObject({ action: "steering", mode: "steer" });
  expect(seen.filter(isType("steer.applied"))).toMatchObject([
    { turnId, data: { messageId: taken?.messageId, step: 1, text: "look left" } },
  ]);
  expect(
    lastPrompt()
      .slice(-2)
      .map(([role]) => role),
  ).toEqual(["tool", "user"]);
  expect(lastPrompt().at(-1)).toEqual(["user", "look left"]);
  expect(answers(seen)).toEqual(["answer to look left"]);
  expect(await message(conversationId, taken?.messageId ?? "")).toMatchObject({ state: "done", turnId });
  // The next turn remembers it.
  await submit(world, router, "and now?", { conversationId });
  await rest(conversationId);
  expect(lastPrompt()).toContainEqual(["user", expect.stringContaining("look left")]);
});

test("a steer that the turn cannot hear any more waits at the head of the queue, and an event says so", async () => {
  const agent = await world.agent();
  world.model.when(({ lastUserText }) => lastUserText === "at length", { tokens: 150, delayMs: 10 });
  const { events, submitted } = await start(world, agent, "at length");
  const { conversationId } = submitted;
  let asked: Promise<unknown> | undefined;
  let steered: Awaited<ReturnType<typeof submit>> | undefined;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta") {
      asked ??= submit(world, agent, "waits", { conversationId }).then(async () => {
        steered = await submit(world, agent, "steer", { conversationId, mode: "steer" });
      });
    }
    return isEnd(event) && "more" in event.data && !event.data.more;
  });
  await asked;
  expect(seen.filter(isType("steer.deferred"))).toMatchObject([{ data: { messageId: steered?.messageId, queueDepth: 2 } }]);
  expect(answers(seen).slice(1)).toEqual(["answer to steer", "answer to waits"]);
  expect(await message(conversationId, steered?.messageId ?? "")).toMatchObject({ state: "done", mode: "steer" });
});

test("a steer for a turn that no worker has claimed yet is in its first prompt", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  await submit(still, agent, "and mind this", { conversationId, mode: "steer" });
  await runAll(conversationId);
  expect(lastPrompt(still).slice(-2)).toEqual([
    ["user", "first"],
    ["user", "and mind this"],
  ]);
  expect(await stateOf(still, conversationId)).toMatchObject({ state: "idle", steersWaiting: 0, queueDepth: 0 });
});

test("a steer that was taken is told again to the attempt that takes over, and not a second time as news", async () => {
  const of = await openWorld({ workers: 2, leaseMs: 1_000 });
  try {
    const digger = await of.agent({ name: "Digger" });
    const router = await routerOver(of, [digger], "sync");
    of.model.script(
      { toolCalls: [{ name: "digger", arguments: { query: "dig" } }] },
      { tokens: 20, delayMs: 20 },
      { tokens: 4_000, delayMs: 20 },
      ({ lastUserText }) => ({ text: [`heard ${lastUserText}`] }),
    );
    const { events, submitted } = await start(of, router, "find");
    const { conversationId } = submitted;
    let steered = false;
    let died = false;
    const seen = await collectUntil(events, (event) => {
      if (event.type === "child.created" && !steered) {
        steered = true;
        void submit(of, router, "look left", { conversationId, mode: "steer" });
      }
      if (event.type === "turn.delta" && event.data.step === 2 && !died) {
        died = true;
        void holderOf(of, conversationId).then((worker) => worker.freeze());
      }
      return isEnd(event);
    });
    expect(answers(seen)).toEqual(["heard look left"]);
    expect(seen.filter(isType("steer.applied"))).toHaveLength(1);
    expect(seen.filter(isType("attempt.superseded"))).toHaveLength(1);
  } finally {
    await of.close();
  }
});

async function holderOf(of: World, conversationId: string) {
  const [row] = await of.sql.owner<{ lease_owner: string }[]>`select lease_owner from conversations where id = ${conversationId}`;
  const worker = of.workers[Number(row?.lease_owner.split("-").at(-1))];
  if (worker === undefined) throw new Error("Nobody runs it.");
  return worker;
}

test("an interrupt ends the turn as superseded, runs next, and leaves the queue as it was", async () => {
  const agent = await world.agent();
  const { events, submitted } = await start(world, agent, "slow one");
  const { conversationId } = submitted;
  let asked: Promise<unknown> | undefined;
  const seen = await collectUntil(events, (event) => {
    if (event.type === "turn.delta") {
      asked ??= submit(world, agent, "waits", { conversationId }).then(() =>
        submit(world, agent, "now", { conversationId, mode: "interrupt" }),
      );
    }
    return isEnd(event) && "more" in event.data && !event.data.more;
  });
  await asked;
  expect(ends(seen)[0]).toMatchObject({
    type: "turn.stopped",
    data: { reason: "superseded", more: true, result: expect.stringMatching(/^t0 t1/) },
  });
  expect(answers(seen)).toEqual(["answer to now", "answer to waits"]);
  expect(await stateOf(world, conversationId)).toMatchObject({ held: false, state: "idle" });
  expect(world.model.journal.find((call) => JSON.stringify(call.body.messages).includes("slow one"))?.outcome).toBe("aborted");
});

test("collected messages are one turn, and each says what became of it", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  const collect = (text: string, how = {}) => submit(still, agent, text, { conversationId, mode: "collect", ...how });
  const a = await submit(still, agent, "a", { conversationId });
  const b = await collect("b");
  const c = await collect("c");
  const other = await collect("of somebody else", { user: { email: "else@example.com" } });
  const d = await collect("d");
  await runAll(conversationId);
  await runAll(conversationId);
  expect(lastPrompt(still).at(-1)).toEqual(["user", "a\n\nb\n\nc"]);
  const [created] = (await logUntil(still, conversationId, (event) => isEnd(event) && event.turnId === a.turnId)).filter(
    (event) => event.type === "turn.created" && event.turnId === a.turnId,
  );
  expect(created).toMatchObject({
    data: {
      messageId: a.messageId,
      merged: [
        { messageId: b.messageId, turnId: b.turnId },
        { messageId: c.messageId, turnId: c.turnId },
      ],
    },
  });
  expect(await message(conversationId, c.messageId, still)).toMatchObject({ state: "merged", turnId: a.turnId });
  expect(
    await still.gateway.awaitTurn(still.caller, { conversationId, turnId: b.turnId, waitMs: 1_000, signal: new AbortController().signal }),
  ).toMatchObject({
    status: "completed",
    turnId: a.turnId,
  });
  // Another user's message is not merged, nor what comes behind it from before.
  expect(await stateOf(still, conversationId)).toMatchObject({ state: "ready", turnId: other.turnId, queueDepth: 1 });
  expect(await message(conversationId, d.messageId, still)).toMatchObject({ state: "queued", position: 1 });
});

test("nothing is merged with an invoke, nor beyond what one message may have", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  const invoked = await submit(still, agent, "invoked", { conversationId, invoke: true });
  await submit(still, agent, "after", { conversationId, mode: "collect" });
  await submit(still, agent, "x".repeat(262_140), { conversationId, mode: "collect" });
  await runAll(conversationId);
  expect(await stateOf(still, conversationId)).toMatchObject({ turnId: invoked.turnId, queueDepth: 2 });
  await runAll(conversationId);
  expect(await stateOf(still, conversationId)).toMatchObject({ queueDepth: 1, state: "ready" });
});

test("a waiting message is changed and moved; one that runs is not", async () => {
  const agent = await still.agent();
  const first = await submit(still, agent, "first");
  const { conversationId } = first;
  const a = await submit(still, agent, "a", { conversationId });
  const b = await submit(still, agent, "b", { conversationId });
  const c = await submit(still, agent, "c", { conversationId });
  const change = (of: { messageId: string }, what: object) =>
    still.gateway.changeMessage(still.caller, { conversationId: conversationId as never, messageId: of.messageId as never, ...what });
  expect(await change(c, { position: 1, text: "c!" })).toMatchObject({ position: 1, queueDepth: 3 });
  expect(await change(a, { position: 99 })).toMatchObject({ position: 3 });
  const queue = async () => (await stateOf(still, conversationId)).queue.map(({ text, position }) => `${position} ${text}`);
  expect(await queue()).toEqual(["1 c!", "2 b", "3 a"]);
  await expect(change(first, { text: "too late" })).rejects.toMatchObject({ code: "message_not_waiting" });
  await still.gateway.cancelMessage(still.caller, { conversationId, messageId: b.messageId });
  await expect(change(b, { position: 1 })).rejects.toMatchObject({ code: "message_not_waiting" });
  await submit(still, agent, "new", { conversationId });
  expect(await queue()).toEqual(["1 c!", "2 a", "3 new"]);
  const log = await logUntil(still, conversationId, (event) => event.type === "queue.updated" && event.data.action === "cancel");
  expect(log.filter(isType("message.edited"))).toMatchObject([{ data: { messageId: c.messageId, input: { text: "c!" } } }]);
  expect(log.flatMap((event) => (event.type === "queue.updated" ? [event.data.action] : [])).slice(-3)).toEqual([
    "reorder",
    "reorder",
    "cancel",
  ]);
});

test("a message that waits past its time expires, visibly, and the rest goes on", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "hello");
  await rest(conversationId);
  await submit(world, agent, "slow", { conversationId });
  const late = await submit(world, agent, "late", { conversationId });
  const kept = await submit(world, agent, "kept", { conversationId });
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false });
  await expect.poll(async () => (await stateOf(world, conversationId)).state).toBe("idle");
  await world.sql.owner`update messages set expires_at = now() - interval '1 second' where id = ${late.messageId}`;
  await expect.poll(async () => (await message(conversationId, late.messageId)).state, { timeout: 10_000 }).toBe("expired");
  const log = await logUntil(world, conversationId, (event) => event.type === "queue.updated" && event.data.action === "expire");
  expect(log.at(-1)).toMatchObject({ data: { messageIds: [late.messageId], queueDepth: 1 } });
  expect(await stateOf(world, conversationId)).toMatchObject({ held: true, queueDepth: 1, queue: [{ id: kept.messageId }] });
});

test("clearing names every message that it cancels, steers included", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "first");
  const a = await submit(still, agent, "a", { conversationId });
  const steer = await submit(still, agent, "steer", { conversationId, mode: "steer" });
  expect(await still.gateway.clearQueue(still.caller, conversationId)).toMatchObject({ cancelled: 2, queueDepth: 0 });
  const log = await logUntil(still, conversationId, (event) => event.type === "queue.updated" && event.data.action === "clear");
  expect(log.at(-1)).toMatchObject({ data: { messageIds: [a.messageId, steer.messageId].toSorted() } });
  for (const one of [a, steer]) expect(await message(conversationId, one.messageId, still)).toMatchObject({ state: "cancelled" });
  expect(await stateOf(still, conversationId)).toMatchObject({ state: "ready", steersWaiting: 0 });
});

test("however many interrupts and steers race with a turn's end, every message is answered or handed on, and turns run one by one", async () => {
  const agent = await world.agent();
  for (let round = 0; round < 8; round += 1) {
    world.model.script({ tokens: 5 + round * 3, delayMs: 4 });
    const { conversationId } = await submit(world, agent, "talk");
    const sent = await Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        await new Promise((resolve) => setTimeout(resolve, index * 12));
        const mode = (["steer", "interrupt", "collect", "auto"] as const)[(index + round) % 4] ?? "auto";
        return submit(world, agent, `m${index}`, { conversationId, mode }).catch((error: { code: string }) => error.code);
      }),
    );
    const accepted = sent.filter((one) => typeof one !== "string");
    expect(new Set(sent.filter((one) => typeof one === "string"))).toEqual(
      new Set(sent.includes("nothing_to_steer") ? ["nothing_to_steer"] : []),
    );
    await expect
      .poll(
        async () => {
          const states = await Promise.all(accepted.map(({ messageId }) => message(conversationId, messageId)));
          return states.every(({ state }) => state === "done" || state === "merged");
        },
        { timeout: 20_000 },
      )
      .toBe(true);
    await expect.poll(async () => (await stateOf(world, conversationId)).state).toBe("idle");
    const log = await rest(conversationId);
    const turns = log.filter((event) => event.type === "turn.created" || isEnd(event)).map((event) => event.type === "turn.created");
    // Created, ended, created, ended: a turn begins when the one before it is over.
    expect(turns).toEqual(turns.map((_, index) => index % 2 === 0));
  }
});
