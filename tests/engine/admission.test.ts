import { type ConversationId, LIMITS, type MessageMode, newId } from "@parley/contracts";
import { collectUntil, openWorld, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ends, isEnd, logUntil, start, stateOf, submit } from "./testing/start.ts";

let world: World;
/** Nobody runs anything here: a conversation stays as the front door left it. */
let still: World;
/** Every order of its front door is lost on its way: only the rows tell what is to be done. */
let deaf: World;
beforeAll(async () => {
  [world, still, deaf] = await Promise.all([
    openWorld({ workers: 2 }),
    openWorld({ started: false }),
    openWorld({ doorQueue: { enqueue: async () => undefined } }),
  ]);
  world.model.when(({ lastUserText }) => lastUserText.startsWith("slow"), { tokens: 400, delayMs: 10 });
  world.model.when(({ lastUserText }) => lastUserText.startsWith("ask"), {
    toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which?" }] } }],
  });
  for (const one of [world, deaf]) one.model.otherwise(({ lastUserText }) => ({ text: [`answer to ${lastUserText}`] }));
});
afterAll(() => Promise.all([world.close(), still.close(), deaf.close()]));

const unknown = () => newId<ConversationId>();

const waitFor = (of: World, conversationId: string, state: string) =>
  expect.poll(async () => (await stateOf(of, conversationId)).state, { timeout: 10_000 }).toBe(state);

type Situation = "ready" | "running" | "idle" | "idle with a queue" | "held" | "held with a queue" | "paused";

/** A conversation in that situation, and the world that it is in. */
async function arrange(situation: Situation) {
  const of = situation === "ready" || situation === "idle with a queue" ? still : world;
  const agent = await of.agent();
  const first = (text: string, how = {}) => submit(of, agent, text, how);
  const asked = of.model.journal.length;
  if (situation === "idle with a queue") {
    const { conversationId } = await first("waiting", { mode: "queue" });
    return { of, agent, conversationId };
  }
  const { conversationId } = await first({ ready: "x", running: "slow", paused: "ask" }[situation as string] ?? "quick");
  if (situation === "running") {
    await waitFor(of, conversationId, "running");
    // What comes before its model is asked is heard in that very question.
    await expect.poll(() => of.model.journal.length, { timeout: 10_000 }).toBeGreaterThan(asked);
  }
  if (situation === "paused") await waitFor(of, conversationId, "paused");
  if (situation === "idle") await waitFor(of, conversationId, "idle");
  if (situation.startsWith("held")) {
    await waitFor(of, conversationId, "idle");
    await submit(of, agent, "slow", { conversationId });
    if (situation === "held with a queue") await submit(of, agent, "waiting", { conversationId });
    await of.gateway.stopConversation(of.caller, { conversationId, clearQueue: false });
    await waitFor(of, conversationId, "idle");
  }
  return { of, agent, conversationId };
}

type Cell = [Situation, MessageMode, Record<string, unknown> | string, Record<string, unknown>];

/** DESIGN section 3, cell by cell: the situation, the mode, the answer or the refusal, and what it leaves behind. */
const CELLS: Cell[] = [
  ["ready", "auto", { action: "queued", position: 1, queueDepth: 1 }, { state: "ready", queueDepth: 1 }],
  ["running", "auto", { action: "queued", position: 1, queueDepth: 1 }, { state: "running", queueDepth: 1 }],
  ["idle", "auto", { action: "started", position: 0, queueDepth: 0 }, { queueDepth: 0, turnNumber: 2 }],
  ["idle with a queue", "auto", { action: "queued", position: 1, queueDepth: 1 }, { state: "ready", queueDepth: 1, turnNumber: 1 }],
  ["held", "auto", { action: "started", position: 0 }, { held: false, turnNumber: 3 }],
  ["held with a queue", "auto", { action: "queued", position: 1, queueDepth: 1 }, { held: false }],
  ["paused", "auto", { action: "queued", position: 1, queueDepth: 1 }, { state: "paused", queueDepth: 1, turnNumber: 1 }],
  ["ready", "queue", { action: "queued", position: 1 }, { state: "ready", queueDepth: 1 }],
  ["running", "queue", { action: "queued", position: 1 }, { state: "running", queueDepth: 1 }],
  ["idle", "queue", { action: "queued", position: 1, queueDepth: 1 }, { state: "idle", queueDepth: 1, turnNumber: 1 }],
  ["idle with a queue", "queue", { action: "queued", position: 2, queueDepth: 2 }, { state: "idle", queueDepth: 2, turnNumber: 0 }],
  ["held", "queue", { action: "queued", position: 1 }, { state: "idle", held: true, queueDepth: 1 }],
  ["held with a queue", "queue", { action: "queued", position: 2 }, { state: "idle", held: true, queueDepth: 2 }],
  ["paused", "queue", { action: "queued", position: 1 }, { state: "paused", queueDepth: 1 }],
  ["ready", "reject", "turn_in_progress", { state: "ready", queueDepth: 0 }],
  ["running", "reject", "turn_in_progress", { state: "running", queueDepth: 0 }],
  ["idle", "reject", { action: "started", mode: "auto", position: 0 }, { queueDepth: 0, turnNumber: 2 }],
  ["idle with a queue", "reject", "turn_in_progress", { state: "idle", queueDepth: 1, turnNumber: 0 }],
  ["held", "reject", { action: "started", mode: "auto", position: 0 }, { held: false, turnNumber: 3 }],
  ["held with a queue", "reject", "turn_in_progress", { state: "idle", held: true, queueDepth: 1 }],
  ["paused", "reject", "turn_in_progress", { state: "paused", queueDepth: 0 }],
  ["ready", "collect", { action: "queued", position: 1, queueDepth: 1 }, { state: "ready", queueDepth: 1 }],
  ["running", "collect", { action: "queued", position: 1, queueDepth: 1 }, { state: "running", queueDepth: 1 }],
  ["idle", "collect", { action: "started", mode: "auto", position: 0, queueDepth: 0 }, { queueDepth: 0, turnNumber: 2 }],
  [
    "idle with a queue",
    "collect",
    { action: "queued", mode: "auto", position: 1, queueDepth: 1 },
    { state: "ready", queueDepth: 1, turnNumber: 1 },
  ],
  ["held", "collect", { action: "started", mode: "auto", position: 0 }, { held: false, turnNumber: 3 }],
  ["held with a queue", "collect", { action: "queued", mode: "auto", position: 1, queueDepth: 1 }, { held: false }],
  ["paused", "collect", { action: "queued", position: 1, queueDepth: 1 }, { state: "paused", queueDepth: 1, turnNumber: 1 }],
  ["ready", "steer", { action: "steering", position: 0, queueDepth: 0 }, { state: "ready", queueDepth: 0, steersWaiting: 1 }],
  ["running", "steer", { action: "steering", position: 0, queueDepth: 0 }, { state: "running", queueDepth: 0, steersWaiting: 1 }],
  ["idle", "steer", "nothing_to_steer", { state: "idle", turnNumber: 1 }],
  ["idle with a queue", "steer", "nothing_to_steer", { state: "idle", queueDepth: 1, turnNumber: 0 }],
  ["held", "steer", "nothing_to_steer", { state: "idle", held: true }],
  ["held with a queue", "steer", "nothing_to_steer", { state: "idle", held: true, queueDepth: 1 }],
  ["paused", "steer", { action: "steering", position: 0, queueDepth: 0 }, { cardsOpen: 0, queueDepth: 0, turnNumber: 1 }],
  ["ready", "interrupt", { action: "started", position: 0, queueDepth: 0 }, { state: "ready", queueDepth: 0, turnNumber: 2, held: false }],
  ["running", "interrupt", { action: "queued", position: 1, queueDepth: 1 }, { held: false }],
  ["idle", "interrupt", { action: "started", mode: "auto", position: 0 }, { queueDepth: 0, turnNumber: 2 }],
  ["idle with a queue", "interrupt", { action: "started", position: 0, queueDepth: 1 }, { state: "ready", queueDepth: 1, turnNumber: 1 }],
  ["held", "interrupt", { action: "started", mode: "auto", position: 0 }, { held: false, turnNumber: 3 }],
  ["held with a queue", "interrupt", { action: "started", position: 0, queueDepth: 1 }, { held: false }],
  ["paused", "interrupt", { action: "started", position: 0, queueDepth: 0 }, { cardsOpen: 0, turnNumber: 2 }],
];

describe("what a message's mode does", () => {
  test.each(CELLS)("on a conversation that is %s, `%s` has its own answer", async (situation, mode, answer, left) => {
    const { of, agent, conversationId } = await arrange(situation);
    const written = await messagesOf(of, conversationId);
    const submitted = submit(of, agent, "next", { conversationId, mode });
    if (typeof answer === "string") {
      await expect(submitted).rejects.toMatchObject({ code: answer });
      expect(await messagesOf(of, conversationId)).toBe(written);
    } else {
      expect(await submitted).toMatchObject({ mode, ...answer, conversationId, replayed: false });
      expect(await messagesOf(of, conversationId)).toBe(written + 1);
    }
    expect(await stateOf(of, conversationId)).toMatchObject(left);
    await of.gateway.stopConversation(of.caller, { conversationId, clearQueue: true });
  });
});

async function messagesOf(of: World, conversationId: string): Promise<number> {
  const rows = await of.sql.owner`select from messages where conversation_id = ${conversationId}`;
  return rows.length;
}

test("an invoke on an idle queue runs first; then the queue drains on its stream", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "waits 1", { mode: "queue" });
  await submit(world, agent, "waits 2", { conversationId, mode: "queue" });
  const { submitted, events } = await start(world, agent, "invoked", { conversationId, invoke: true });
  expect(submitted).toMatchObject({ action: "started", position: 0, queueDepth: 2 });
  const seen = await untilRest(events);
  expect(ends(seen).map((event) => "result" in event.data && event.data.result)).toEqual([
    "answer to invoked",
    "answer to waits 1",
    "answer to waits 2",
  ]);
  expect(seen.flatMap((event) => (event.type === "queue.updated" ? [event.data.action] : []))).toEqual(["drain", "drain"]);
});

test("an unknown conversation is started by an invoke and by nothing else", async () => {
  const agent = await world.agent();
  const conversationId = unknown();
  await expect(submit(world, agent, "hello", { conversationId })).rejects.toMatchObject({ code: "not_found" });
  expect(await submit(world, agent, "hello", { conversationId, invoke: true })).toMatchObject({ action: "started", conversationId });
  await logUntil(world, conversationId, isEnd);
});

test("another organization's conversation, and another agent's, are not found and nothing is written", async () => {
  const agent = await world.agent();
  const { conversationId } = await submit(world, agent, "mine");
  await logUntil(world, conversationId, isEnd);
  const theirs = await world.gateway.createAgent(world.stranger, { name: "T", description: "", config: agent.config });
  const other = await world.agent({ name: "Other" });
  const before = await messagesOf(world, conversationId);
  const input = world.input(theirs, "hello", { conversationId: conversationId as ConversationId });
  for (const invoke of [true, false]) {
    await expect(world.gateway.submitMessage(world.stranger, input, { route: "test", invoke })).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(submit(world, other, "hello", { conversationId, invoke })).rejects.toMatchObject({ code: "not_found" });
  }
  const { gateway, stranger } = world;
  for (const refused of [
    () => gateway.stopConversation(stranger, { conversationId, clearQueue: true }),
    () => gateway.clearQueue(stranger, conversationId),
    () => gateway.drainConversation(stranger, conversationId),
    () => gateway.getRunState(stranger, conversationId),
    () => gateway.getConversation(stranger, { conversationId }),
    () => gateway.cancelMessage(stranger, { conversationId, messageId: unknown() }),
    () => gateway.stopExecution(stranger, conversationId),
    () => gateway.deleteExecution(stranger, { executionId: conversationId, memories: "forget" }),
  ]) {
    await expect(refused()).rejects.toMatchObject({ code: "not_found", message: "Not found." });
  }
  expect(await messagesOf(world, conversationId)).toBe(before);
  expect(await world.sql.owner`select from conversations where organization_id = ${world.stranger.organizationId}`).toHaveLength(0);
});

test("fifty calls at once with one idempotency key are one message and fifty equal answers; another body is refused", async () => {
  const agent = await world.agent();
  const key = { idempotencyKey: "one" };
  const answers = await Promise.all(Array.from({ length: 50 }, () => submit(world, agent, "once", key)));
  const [first] = answers;
  if (first === undefined) throw new Error("No answer.");
  expect(new Set(answers.map(({ replayed: _, ...answer }) => JSON.stringify(answer))).size).toBe(1);
  expect(answers.filter((answer) => !answer.replayed)).toHaveLength(1);
  expect(await messagesOf(world, first.conversationId)).toBe(1);
  await expect(submit(world, agent, "another", key)).rejects.toMatchObject({ code: "idempotency_mismatch" });
  // A stream that is asked for again attaches to the first one's.
  const { submitted, events } = await start(world, agent, "once", key);
  expect(submitted).toMatchObject({ conversationId: first.conversationId, messageId: first.messageId, replayed: true });
  expect(await untilRest(events)).toMatchObject([{ type: "turn.created" }, { type: "turn.started" }, ...deltasAndEnd]);
});

const deltasAndEnd = [{ type: "turn.delta" }, { type: "turn.completed" }];

test("an idempotency key is its principal's and its route's, and a refused call leaves none behind", async () => {
  const agent = await world.agent();
  const key = { idempotencyKey: "shared" };
  const one = await submit(world, agent, "a", key);
  const input = world.input(agent, "b", key);
  const otherRoute = await world.gateway.submitMessage(world.caller, input, { route: "another" });
  const otherKey = await world.gateway.submitMessage({ ...world.caller, principalId: "key_other" }, input, { route: "test" });
  expect(new Set([one, otherRoute, otherKey].map((answer) => answer.conversationId)).size).toBe(3);
  const conversationId = unknown();
  const refused = { conversationId, idempotencyKey: "refused" };
  await expect(submit(world, agent, "c", refused)).rejects.toMatchObject({ code: "not_found" });
  expect(await submit(world, agent, "c", { ...refused, invoke: true })).toMatchObject({ action: "started", replayed: false });
});

test("of fifty messages at once on a new conversation one starts and all run, in order, one at a time", async () => {
  const agent = await world.agent();
  const conversationId = unknown();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => submit(world, agent, `m${index}`, { conversationId, invoke: true })),
  );
  expect(answers.filter((answer) => answer.action === "started")).toHaveLength(1);
  let ended = 0;
  const seen = await logUntil(world, conversationId, (event) => {
    if (isEnd(event)) ended += 1;
    return ended === 50;
  });
  const turns = seen.filter((event) => event.type === "turn.started" || isEnd(event));
  expect(turns.map((event) => event.type)).toEqual(Array.from({ length: 50 }, () => ["turn.started", "turn.completed"]).flat());
  const rows = await world.sql.owner<
    { turn_id: string }[]
  >`select turn_id from messages where conversation_id = ${conversationId} order by seq`;
  expect(ends(seen).map((event) => event.turnId)).toEqual(rows.map((row) => row.turn_id));
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", queueDepth: 0, turnNumber: 50 });
});

test("a full queue refuses, writes nothing, and takes messages again when one has left it", async () => {
  const agent = await still.agent();
  const { conversationId } = await submit(still, agent, "head");
  const waiting = [];
  for (let index = 0; index < LIMITS.queueMax; index += 1) waiting.push(await submit(still, agent, `m${index}`, { conversationId }));
  expect(waiting.at(-1)).toMatchObject({ position: LIMITS.queueMax, queueDepth: LIMITS.queueMax });
  for (const mode of ["auto", "queue"] as const) {
    await expect(submit(still, agent, "too many", { conversationId, mode })).rejects.toMatchObject({ code: "queue_full" });
  }
  expect(await messagesOf(still, conversationId)).toBe(1 + LIMITS.queueMax);
  const messageId = waiting[0]?.messageId ?? "";
  expect(await still.gateway.cancelMessage(still.caller, { conversationId, messageId })).toMatchObject({
    cancelled: 1,
    queueDepth: LIMITS.queueMax - 1,
  });
  expect(await submit(still, agent, "fits", { conversationId })).toMatchObject({ position: LIMITS.queueMax });
});

test("only a message that waits can be cancelled, once; clearing cancels all that wait and nothing else", async () => {
  const agent = await world.agent();
  const { submitted, events } = await start(world, agent, "slow");
  const { conversationId } = submitted;
  await collectUntil(events, (event) => event.type === "turn.started");
  const one = await submit(world, agent, "1", { conversationId });
  const two = await submit(world, agent, "2", { conversationId });
  const three = await submit(world, agent, "3", { conversationId });
  const cancel = (messageId: string) => world.gateway.cancelMessage(world.caller, { conversationId, messageId });
  await expect(cancel(submitted.messageId)).rejects.toMatchObject({ code: "message_not_waiting" });
  await expect(cancel(unknown())).rejects.toMatchObject({ code: "not_found" });
  expect(await cancel(two.messageId)).toMatchObject({ cancelled: 1, queueDepth: 2 });
  await expect(cancel(two.messageId)).rejects.toMatchObject({ code: "message_not_waiting" });
  const elsewhere = await submit(world, agent, "hello");
  await expect(
    world.gateway.cancelMessage(world.caller, { conversationId: elsewhere.conversationId, messageId: one.messageId }),
  ).rejects.toMatchObject({ code: "not_found" });
  expect((await stateOf(world, conversationId)).queue.map((message) => [message.id, message.position])).toEqual([
    [one.messageId, 1],
    [three.messageId, 2],
  ]);
  expect(await world.gateway.clearQueue(world.caller, conversationId)).toMatchObject({ cancelled: 2, queueDepth: 0 });
  expect(await world.gateway.clearQueue(world.caller, conversationId)).toMatchObject({ cancelled: 0, queueDepth: 0 });
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: false });
  const seen = await logUntil(world, conversationId, isEnd);
  expect(seen.flatMap((event) => (event.type === "queue.updated" ? [event.data.action] : []))).toEqual([
    ...["enqueue", "enqueue", "enqueue"],
    "cancel",
    "clear",
  ]);
});

test("a queue that was left idle is started by the sweep after its grace, a held one is not", async () => {
  const agent = await deaf.agent();
  const { conversationId } = await submit(deaf, agent, "later", { mode: "queue" });
  const held = await submit(deaf, agent, "stopped");
  await deaf.gateway.stopConversation(deaf.caller, { conversationId: held.conversationId, clearQueue: false });
  await submit(deaf, agent, "waits", { conversationId: held.conversationId, mode: "queue" });
  expect(await stateOf(deaf, conversationId)).toMatchObject({ state: "idle", queueDepth: 1, turnNumber: 0 });
  const seen = await logUntil(deaf, conversationId, isEnd);
  expect(seen.at(-1)).toMatchObject({ type: "turn.completed", data: { result: "answer to later" } });
  expect(await stateOf(deaf, held.conversationId)).toMatchObject({ state: "idle", held: true, queueDepth: 1 });
});

test("a drain order outlives its lost job, and releases a held queue", async () => {
  const agent = await deaf.agent();
  const { conversationId } = await submit(deaf, agent, "stopped");
  await submit(deaf, agent, "one", { conversationId });
  await submit(deaf, agent, "two", { conversationId });
  await deaf.gateway.stopConversation(deaf.caller, { conversationId, clearQueue: false });
  expect(await deaf.gateway.drainConversation(deaf.caller, conversationId)).toMatchObject({ action: "draining", queueDepth: 2 });
  const seen = await logUntil(deaf, conversationId, (event) => event.type === "turn.completed" && !event.data.more);
  expect(ends(seen).map((event) => event.type)).toEqual(["turn.stopped", "turn.completed", "turn.completed"]);
  expect(await deaf.gateway.drainConversation(deaf.caller, conversationId)).toMatchObject({ action: "empty" });
});

test("who a turn is for stays with the conversation, and a claimed role is dropped", async () => {
  const agent = await world.agent();
  const user = { email: "a@example.org", role: "admin", is_super_admin: true, displayName: "A" };
  const { conversationId } = await submit(world, agent, "one", { user });
  await logUntil(world, conversationId, isEnd);
  await submit(world, agent, "two", { conversationId });
  const seen = await logUntil(world, conversationId, (event) => isEnd(event) && "turnNumber" in event.data && event.data.turnNumber === 2);
  const users = seen.flatMap((event) => (event.type === "turn.created" ? [event.data.user] : []));
  expect(users).toEqual([
    { email: "a@example.org", displayName: "A" },
    { email: "a@example.org", displayName: "A" },
  ]);
  const other = { email: "b@example.org" };
  await submit(world, agent, "three", { conversationId, user: other });
  await logUntil(world, conversationId, (event) => isEnd(event) && "turnNumber" in event.data && event.data.turnNumber === 3);
  expect((await world.gateway.getExecution(world.caller, conversationId)).user).toEqual(other);
});

test("where nothing is to be kept on an idle conversation, nothing is, and a repeat gets the same answer", async () => {
  const agent = await world.agent();
  const how = { keepNothingWhenIdle: true, idempotencyKey: "nothing" };
  const answer = await submit(world, agent, "hello", how);
  expect(answer).toMatchObject({ action: "started", messageId: null, turnId: null, queueDepth: 0, replayed: false });
  expect(await world.sql.owner`select from conversations where id = ${answer.conversationId}`).toHaveLength(0);
  expect(await submit(world, agent, "hello", how)).toEqual({ ...answer, replayed: true });
  // To be kept is to be another message.
  await expect(submit(world, agent, "hello", { ...how, keepNothingWhenIdle: false })).rejects.toMatchObject({
    code: "idempotency_mismatch",
  });
  const { conversationId } = await submit(world, agent, "slow", { conversationId: answer.conversationId, invoke: true });
  expect(await submit(world, agent, "kept", { keepNothingWhenIdle: true, conversationId })).toMatchObject({
    action: "queued",
    position: 1,
  });
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: true });
});
