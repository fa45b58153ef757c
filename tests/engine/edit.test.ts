import { type Cursor, compareCursors, type LogEvent } from "@parley/contracts";
import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { isEnd, logUntil, routerOver, start, stateOf, submit } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ workers: 2 });
  world.model.when(({ lastUserText }) => lastUserText.startsWith("slow"), { tokens: 4_000, delayMs: 5 });
});
afterAll(() => world.close());
beforeEach(() => world.model.otherwise(({ lastUserText }) => ({ text: [`answer to ${lastUserText}`] })));

const signal = () => new AbortController().signal;

/** Says one thing after the other; returns the conversation and each message's id. */
async function talk(agent: { id: string }, ...texts: string[]) {
  const messageIds: string[] = [];
  let conversationId: string | undefined;
  for (const text of texts) {
    const { events, submitted } = await start(world, agent, text, conversationId === undefined ? {} : { conversationId });
    conversationId = submitted.conversationId;
    messageIds.push(submitted.messageId);
    for await (const event of events) if (isEnd(event) && event.turnId === submitted.turnId) break;
  }
  return { conversationId: conversationId ?? "", messageIds };
}

const edit = (agent: { id: string }, conversationId: string, messageId: string, text: string, expectedVersion?: number) =>
  world.gateway.submitMessage(world.caller, world.input(agent, text, { conversationId: conversationId as never }), {
    route: "turn.edit",
    edits: { messageId, ...(expectedVersion === undefined ? {} : { expectedVersion }) },
  });

const thread = async (conversationId: string, branch?: number) =>
  (await world.gateway.getConversation(world.caller, { conversationId, branch })).root.thread.flatMap((entry) =>
    entry.kind === "user" || entry.kind === "agent" ? [entry.text] : [],
  );

const endOf = (conversationId: string, turnId: string) =>
  logUntil(world, conversationId, (event) => isEnd(event) && event.turnId === turnId);
const prompt = () => world.model.journal.at(-1)?.body.messages?.map(({ content }) => content);

test("an edit of the first of three messages leaves one turn; what was cut off stays readable as a branch", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one", "two", "three");
  const { version } = await stateOf(world, conversationId);
  const { turnId } = await edit(agent, conversationId, messageIds[0] ?? "", "uno", version);
  await endOf(conversationId, turnId);
  expect(await thread(conversationId)).toEqual(["uno", "answer to uno"]);
  expect(prompt()).toEqual(["uno"]);
  const branches = await world.gateway.listBranches(world.caller, { conversationId, page: 1, perPage: 20 });
  expect(branches).toMatchObject({ items: [{ branch: 0, editedMessageId: messageIds[0] }], total: 1 });
  expect(await thread(conversationId, 0)).toEqual(["one", "answer to one", "two", "answer to two", "three", "answer to three"]);
  await expect(thread(conversationId, 7)).rejects.toMatchObject({ code: "not_found" });
  const { messages } = await world.gateway.getThread(world.caller, { executionId: conversationId });
  expect(messages.map(({ content }) => content)).toEqual(["uno", "answer to uno"]);
  const log = await endOf(conversationId, turnId);
  expect(log.find((event) => event.type === "conversation.edited")).toMatchObject({
    data: { messageId: messageIds[0], branch: 1, fromTurn: 1 },
  });
});

test("a reader that comes back to a turn that an edit has cut off gets that turn, not the one that runs now", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one");
  const cut = await start(world, agent, "slow and cut off", { conversationId });
  let within = cut.submitted.cursor as Cursor;
  for await (const event of cut.events) {
    within = event.cursor;
    if (event.type === "turn.delta") break;
  }
  const { turnId } = await edit(agent, conversationId, messageIds[0] ?? "", "uno");
  const log = await endOf(conversationId, turnId);
  // What names no turn comes first: that is what the row must not be chosen by.
  const next = log.find((event) => event.type !== "turn.delta" && compareCursors(event.cursor, within) > 0);
  expect(next).toMatchObject({ turnId: null });
  const { execution } = await world.gateway.followConversation(world.caller, { conversationId, after: within, signal: signal() });
  expect(execution).toMatchObject({ turnId: cut.submitted.turnId, input: { text: "slow and cut off" } });
});

test("an edit in the middle keeps what came before, again and again", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one", "two", "three");
  const first = await edit(agent, conversationId, messageIds[1] ?? "", "dos");
  await endOf(conversationId, first.turnId);
  expect(prompt()).toEqual(["one", "answer to one", "dos"]);
  const more = await submit(world, agent, "more", { conversationId });
  await endOf(conversationId, more.turnId);
  const second = await edit(agent, conversationId, first.messageId, "zwei");
  await endOf(conversationId, second.turnId);
  expect(await thread(conversationId)).toEqual(["one", "answer to one", "zwei", "answer to zwei"]);
  expect(await thread(conversationId, 1)).toEqual(["one", "answer to one", "dos", "answer to dos", "more", "answer to more"]);
  expect(await thread(conversationId, 0)).toEqual(["one", "answer to one", "two", "answer to two", "three", "answer to three"]);
  // What is not in the branch any more cannot be edited.
  await expect(edit(agent, conversationId, messageIds[2] ?? "", "drei")).rejects.toMatchObject({ code: "version_mismatch" });
  expect((await stateOf(world, conversationId)).branch).toBe(2);
});

test("another version than the one the caller saw is refused, and nothing changes", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one");
  const { version } = await stateOf(world, conversationId);
  await talk(agent, "elsewhere");
  const next = await submit(world, agent, "two", { conversationId });
  await endOf(conversationId, next.turnId);
  await expect(edit(agent, conversationId, messageIds[0] ?? "", "uno", version)).rejects.toMatchObject({ code: "version_mismatch" });
  expect(await thread(conversationId)).toEqual(["one", "answer to one", "two", "answer to two"]);
  expect(await stateOf(world, conversationId)).toMatchObject({ branch: 0, state: "idle" });
  const sent = await Promise.allSettled(
    Array.from({ length: 8 }, async (_, index) => {
      const { version: seen } = await stateOf(world, conversationId);
      return edit(agent, conversationId, messageIds[0] ?? "", `edit ${index}`, seen);
    }),
  );
  // Of edits that saw the same version one has its way.
  expect(sent.filter((one) => one.status === "fulfilled")).toHaveLength(1);
});

test("a turn under way is superseded, and the queue survives", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one");
  const { events, submitted } = await start(world, agent, "slow two", { conversationId });
  const kept = await submit(world, agent, "waits", { conversationId });
  let edited: ReturnType<typeof edit> | undefined;
  const seen: LogEvent[] = [];
  for await (const event of events) {
    seen.push(event);
    if (event.type === "turn.delta") edited ??= edit(agent, conversationId, messageIds[0] ?? "", "uno");
    if (isEnd(event) && event.turnId === kept.turnId) break;
  }
  expect(seen.filter(isEnd)).toMatchObject([
    { turnId: submitted.turnId, type: "turn.stopped", data: { reason: "superseded", more: true } },
    { turnId: (await edited)?.turnId, type: "turn.completed" },
    { turnId: kept.turnId, type: "turn.completed" },
  ]);
  expect(await thread(conversationId)).toEqual(["uno", "answer to uno", "waits", "answer to waits"]);
  expect(await stateOf(world, conversationId)).toMatchObject({ held: false, queueDepth: 0 });
});

test("what was collected behind the turn that is cut off stays in the queue: it is no part of the edit", async () => {
  const agent = await world.agent();
  const { conversationId } = await talk(agent, "one");
  const { events, submitted } = await start(world, agent, "slow two", { conversationId });
  const a = await submit(world, agent, "a", { conversationId, mode: "collect" });
  const b = await submit(world, agent, "b", { conversationId, mode: "collect" });
  for await (const event of events) if (event.type === "turn.delta") break;
  const edited = await edit(agent, conversationId, submitted.messageId, "due");
  expect(edited).toMatchObject({ action: "queued", mode: "interrupt", position: 1, queueDepth: 3 });
  await endOf(conversationId, a.turnId);
  expect(await thread(conversationId)).toEqual(["one", "answer to one", "due", "answer to due", "a\n\nb", "answer to a\n\nb"]);
  const { state, turnId } = await world.gateway.getMessage(world.caller, { conversationId, messageId: b.messageId });
  expect({ state, turnId }).toEqual({ state: "merged", turnId: a.turnId });
});

test("branches are listed by the page, and a look at a thread asks only for what is in it", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one");
  let last = messageIds[0] ?? "";
  const turnIds: string[] = [];
  for (const text of ["two", "three", "four"]) {
    const { messageId, turnId } = await edit(agent, conversationId, last, text);
    await endOf(conversationId, turnId);
    last = messageId;
    turnIds.push(turnId);
  }
  const list = (page: number, perPage: number, caller = world.caller) =>
    world.gateway.listBranches(caller, { conversationId, page, perPage });
  expect(await list(1, 2)).toMatchObject({ items: [{ branch: 2 }, { branch: 1 }], total: 3, page: 1, perPage: 2 });
  expect(await list(2, 2)).toMatchObject({ items: [{ branch: 0, editedMessageId: messageIds[0] }], total: 3 });
  await expect(list(1, 51)).rejects.toMatchObject({ code: "invalid_input" });
  await expect(list(1, 2, world.stranger)).rejects.toMatchObject({ code: "not_found" });
  const key = { organizationId: world.caller.organizationId, conversationId };
  expect(await world.database.conversations.hiddenTurns(key, null, turnIds.slice(1))).toEqual(turnIds.slice(1, 2));
  expect(await world.database.conversations.hiddenTurns(key, 9, turnIds)).toBeNull();
});

test("only a user's message of this conversation that has run can be edited", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one");
  const other = await talk(agent, "other");
  await expect(edit(agent, conversationId, other.messageIds[0] ?? "", "x")).rejects.toMatchObject({ code: "not_found" });
  const busy = await submit(world, agent, "slow", { conversationId });
  const waiting = await submit(world, agent, "waits", { conversationId });
  await expect(edit(agent, conversationId, waiting.messageId, "x")).rejects.toMatchObject({ code: "message_still_waiting" });
  await expect(
    world.gateway.submitMessage(world.stranger, world.input(agent, "x", { conversationId: conversationId as never }), {
      route: "turn.edit",
      edits: { messageId: messageIds[0] ?? "" },
    }),
  ).rejects.toMatchObject({ code: "not_found" });
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: true });
  await endOf(conversationId, busy.turnId);
});

test("the cut off tail's background children are stopped; those of what stays live on, and their results reach it", async () => {
  const worker = await world.agent({ name: "Worker" });
  const router = await routerOver(world, [worker], "async", { wakeOnAsyncResult: true });
  for (const said of ["first", "second"]) {
    const dispatch = { toolCalls: [{ name: "worker", arguments: { query: `slow ${said}` } }] };
    world.model.when(({ body }) => body.messages?.at(-1)?.content === said, dispatch);
  }
  const first = await submit(world, router, "first");
  const { conversationId } = first;
  await endOf(conversationId, first.turnId);
  const second = await submit(world, router, "second", { conversationId });
  await endOf(conversationId, second.turnId);
  const { childIds } = await world.gateway.getExecution(world.caller, conversationId);
  expect(childIds).toHaveLength(2);
  const running = async () =>
    (await Promise.all(childIds.map((id) => world.gateway.getExecution(world.caller, id)))).map(({ status }) => status);
  await expect.poll(running).toEqual(["executing", "executing"]);
  const { turnId } = await edit(router, conversationId, second.messageId, "instead");
  await endOf(conversationId, turnId);
  await expect.poll(running).toEqual(["executing", "stopped"]);
  expect(await world.gateway.getExecution(world.caller, childIds[1] ?? "")).toMatchObject({ reason: "superseded" });
  const view = await world.gateway.getConversation(world.caller, { conversationId });
  expect(view.children.map(({ execution }) => execution.id)).toEqual([childIds[0]]);
  const old = await world.gateway.getConversation(world.caller, { conversationId, branch: 0 });
  expect(old.children.map(({ execution }) => execution.id)).toEqual(childIds);
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: true });
  await expect.poll(running).toEqual(["stopped", "stopped"]);
});

test("an edit sent twice with one key is one edit", async () => {
  const agent = await world.agent();
  const { conversationId, messageIds } = await talk(agent, "one");
  const send = () =>
    world.gateway.submitMessage(
      world.caller,
      world.input(agent, "uno", { conversationId: conversationId as never, idempotencyKey: "edit-1" }),
      { route: "turn.edit", edits: { messageId: messageIds[0] ?? "" } },
    );
  const answers = await Promise.all(Array.from({ length: 10 }, send));
  expect(new Set(answers.map(({ turnId }) => turnId)).size).toBe(1);
  await endOf(conversationId, answers[0]?.turnId ?? "");
  expect((await stateOf(world, conversationId)).branch).toBe(1);
  const other = { messageId: answers[0]?.messageId ?? "" };
  await expect(
    world.gateway.submitMessage(
      world.caller,
      world.input(agent, "uno", { conversationId: conversationId as never, idempotencyKey: "edit-1" }),
      {
        route: "turn.edit",
        edits: other,
      },
    ),
  ).rejects.toMatchObject({ code: "idempotency_mismatch" });
  await world.gateway.awaitTurn(world.caller, { conversationId, turnId: answers[0]?.turnId ?? "", waitMs: 1_000, signal: signal() });
});
