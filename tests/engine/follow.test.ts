import { type Cursor, type FoldedText, foldText, isDurable, LIMITS, type LogEvent, NO_TEXT, parseCursor, START } from "@parley/contracts";
import { collectUntil, openWorld, tokenText, typesOf, untilRest, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { seededRandom } from "./testing/seeded-random.ts";
import { isEnd, logUntil, routerOver, start, stateOf, staying, submit } from "./testing/start.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ workers: 2 });
});
afterAll(() => world.close());

const follow = (conversationId: string, after: Cursor | undefined, gateway = world.gateway) =>
  gateway.followConversation(world.caller, { conversationId, after, signal: staying() });

/** A reader as a client is one: what it saw, where it stands, and the text that it shows. */
class Reader {
  seen: LogEvent[] = [];
  text: FoldedText = NO_TEXT;
  cursor: Cursor;

  constructor(cursor: Cursor) {
    this.cursor = cursor;
  }

  take(event: LogEvent): void {
    this.seen.push(event);
    this.text = foldText(this.text, event);
    this.cursor = event.cursor;
  }

  durable = () => this.seen.filter((event) => isDurable(event.type));
  cursors = () => this.durable().map((event) => event.cursor);
}

test("a reader that is cut at fifty random places and goes on at another replica sees what an uncut one does", async () => {
  const random = seededRandom(7);
  const joker = await world.agent({ name: "Joker" });
  const router = await routerOver(world, [joker], "sync");
  const { model } = world;
  for (let round = 0; round < 5; round += 1) {
    model.script(
      {
        tokens: 40,
        delayMs: 3,
        toolCalls: [
          { name: "joker", arguments: { query: "one" } },
          { name: "joker", arguments: { query: "two" } },
        ],
      },
      { tokens: 80, delayMs: 3 },
      { tokens: 60, delayMs: 4 },
      { tokens: 150, delayMs: 3 },
    );
    const { submitted, events } = await start(world, router, `round ${round}`);
    const uncut = new Reader(submitted.cursor as Cursor);
    const whole = (async () => {
      for await (const event of events) {
        uncut.take(event);
        if (isEnd(event)) return;
      }
    })();
    const cut = new Reader(submitted.cursor as Cursor);
    const cuts = Array.from({ length: 10 }, () => 1 + Math.floor(random() * 12));
    for (let place = 0; !isEndOf(cut); place += 1) {
      const gateway = place % 2 === 0 ? world.otherGateway : world.gateway;
      const { events: rest } = await follow(submitted.conversationId, cut.cursor, gateway);
      let left = cuts[place] ?? Number.POSITIVE_INFINITY;
      for await (const event of rest) {
        cut.take(event);
        left -= 1;
        if (left === 0 || isEnd(event)) break;
      }
    }
    await whole;
    expect(cut.cursors()).toEqual(uncut.cursors());
    expect(cut.durable()).toEqual(uncut.durable());
    expect(cut.text).toEqual(uncut.text);
    expect(cut.text.answer).toBe(tokenText(150));
    // No event is ever handed out twice, and none before its predecessor.
    const order = cut.seen.map((event) => parseCursor(event.cursor));
    expect(
      order.every((here, index) => index === 0 || here.epoch > (order[index - 1]?.epoch ?? 0) || here.n > (order[index - 1]?.n ?? 0)),
    ).toBe(true);
  }
});

const isEndOf = ({ seen }: Reader): boolean => {
  const last = seen.at(-1);
  return last !== undefined && isEnd(last);
};

test("a reader that attaches in the middle of a turn gets what was said so far once, and then the rest", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 200, delayMs: 3 });
  const { submitted, events } = await start(world, agent, "count");
  const first = await collectUntil(events, (event) => event.type === "turn.delta" && event.data.offset > 100);
  const late = await logUntil(world, submitted.conversationId, isEnd);
  const pieces = late.filter((event) => event.type === "turn.delta");
  expect(pieces.map((event) => event.data.text).join("")).toBe(tokenText(200));
  expect(pieces.slice(0, 2).map((event) => event.cursor)).toEqual(
    first
      .filter((event) => event.type === "turn.delta")
      .slice(0, 2)
      .map((event) => event.cursor),
  );
  expect(new Set(late.map((event) => event.cursor)).size).toBe(late.length);
});

test("when Redis forgets everything in mid-turn, a snapshot makes every reader's text whole again", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 300, delayMs: 10 });
  const { submitted, events } = await start(world, agent, "count");
  const live = new Reader(submitted.cursor as Cursor);
  let forgotten: Promise<number> | undefined;
  let late: Promise<LogEvent[]> | undefined;
  for await (const event of events) {
    live.take(event);
    const said = live.text.open[submitted.conversationId]?.text ?? "";
    if (said.length > 200) forgotten ??= world.forgetRedis();
    if (said.length > 400) late ??= logUntil(world, submitted.conversationId, isEnd);
    // Nothing wrong is ever shown: what is there is a beginning of the answer.
    if (said !== "") expect(tokenText(300).startsWith(said)).toBe(true);
    if (isEnd(event)) break;
  }
  expect(await forgotten).toBeGreaterThan(0);
  expect(typesOf(live.seen)).toContain("turn.snapshot");
  expect(live.text.answer).toBe(tokenText(300));
  const beforeEnd = live.seen.slice(0, -1).reduce(foldText, NO_TEXT);
  expect(beforeEnd.open[submitted.conversationId]?.text).toBe(tokenText(300));
  const seenLate = (await late) ?? [];
  expect(seenLate.slice(0, -1).reduce(foldText, NO_TEXT).open[submitted.conversationId]?.text).toBe(tokenText(300));
});

test("a reader slower than the conversation loses its buffer but no event", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 3_000, delayMs: 1 });
  const { submitted, events } = await start(world, agent, "long");
  const reader = events[Symbol.asyncIterator]();
  const first = await reader.next();
  expect(first.value?.type).toBe("turn.created");
  for (let pushed = 0; pushed <= LIMITS.streamBufferEventsMax; pushed += 100) {
    await Promise.all(Array.from({ length: 50 }, () => submit(world, agent, "x", { conversationId: submitted.conversationId })));
    await world.gateway.clearQueue(world.caller, submitted.conversationId);
    await Promise.all(Array.from({ length: 50 }, () => submit(world, agent, "x", { conversationId: submitted.conversationId })));
    await world.gateway.clearQueue(world.caller, submitted.conversationId);
  }
  const seen: LogEvent[] = [];
  for (;;) {
    const { value, done } = await reader.next();
    if (done || value === undefined) break;
    seen.push(value);
    if (isEnd(value)) break;
  }
  await reader.return?.();
  const fresh = await logUntil(world, submitted.conversationId, isEnd);
  expect(seen.filter((event) => isDurable(event.type))).toEqual(fresh.filter((event) => isDurable(event.type)).slice(1));
  expect(seen.length).toBeGreaterThan(LIMITS.streamBufferEventsMax);
  expect(seen.reduce(foldText, NO_TEXT).answer).toBe(tokenText(3_000));
});

test("what a caller may not see cannot be followed: unknown, another organization's, another agent's", async () => {
  const agent = await world.agent();
  const other = await world.agent({ name: "Other" });
  const { submitted } = await start(world, agent, "hello");
  const { conversationId } = submitted;
  const attempt = (caller: typeof world.caller, id: string) =>
    world.gateway.followConversation(caller, { conversationId: id, signal: staying() });
  const unknown = "00000000-0000-7000-8000-000000000000";
  const foreign: [typeof world.caller, string][] = [
    [world.caller, unknown],
    [world.stranger, conversationId],
    [{ ...world.caller, agentIds: new Set([other.id]) }, conversationId],
  ];
  for (const [caller, id] of foreign) {
    await expect(attempt(caller, id)).rejects.toMatchObject({ code: "not_found", message: "Not found." });
  }
  const allowed = await attempt({ ...world.caller, agentIds: new Set([agent.id]) }, conversationId);
  expect(allowed.execution).toMatchObject({ id: conversationId, agentId: agent.id, input: { text: "hello" } });
});

test("a cursor that the conversation cannot have given out is refused", async () => {
  const agent = await world.agent();
  world.model.script({ text: ["done"] });
  const { submitted } = await start(world, agent, "hello");
  const seen = await logUntil(world, submitted.conversationId, isEnd);
  const { epoch, n } = parseCursor(seen.at(-1)?.cursor ?? START);
  for (const after of [`${epoch + 1}-1`, `${epoch}-${n + 1}`, `${epoch}-${n + 100_000}`, "999999999999999-1"]) {
    await expect(follow(submitted.conversationId, after as Cursor), after).rejects.toMatchObject({ code: "invalid_cursor" });
  }
  expect(world.attached()).toBeLessThan(5);
});

test("a cursor of an earlier epoch goes on with all that came after it", async () => {
  const agent = await world.agent();
  world.model.script({ text: ["one"] }, { text: ["two"] });
  const { conversationId } = (await start(world, agent, "first")).submitted;
  const first = await logUntil(world, conversationId, isEnd);
  await submit(world, agent, "second", { conversationId });
  const both = await logUntil(world, conversationId, (event) => isEnd(event) && event.cursor !== first.at(-1)?.cursor);
  const durable = both.filter((event) => isDurable(event.type));
  for (const [place, from] of durable.slice(0, -1).entries()) {
    const { events } = await follow(conversationId, from.cursor, world.otherGateway);
    const rest = await collectUntil(events, (event) => event.cursor === durable.at(-1)?.cursor);
    expect(rest.filter((event) => isDurable(event.type))).toEqual(durable.slice(place + 1));
  }
});

test("every fact after an epoch's first says nothing of a predecessor, and the first names the head before it", async () => {
  const agent = await world.agent();
  world.model.script({ text: ["one"] });
  const { conversationId } = (await start(world, agent, "first")).submitted;
  const events = (await logUntil(world, conversationId, isEnd)).filter((event) => isDurable(event.type));
  for (const [index, event] of events.entries()) {
    const before = events[index - 1];
    const isFirst = before === undefined || parseCursor(before.cursor).epoch !== parseCursor(event.cursor).epoch;
    expect(event.previous).toBe(isFirst ? (before?.cursor ?? START) : undefined);
  }
});

test("many readers see the same, and leave nothing behind when they go", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 100, delayMs: 3 });
  const { submitted } = await start(world, agent, "count");
  const { conversationId } = submitted;
  const before = world.attached();
  const leave = new AbortController();
  const readers = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => {
      const gateway = index % 2 === 0 ? world.gateway : world.otherGateway;
      return gateway.followConversation(world.caller, { conversationId, signal: leave.signal });
    }),
  );
  expect(world.attached()).toBe(before + 40);
  const seen = await Promise.all(readers.slice(0, 20).map(({ events }) => collectUntil(events, isEnd)));
  expect(new Set(seen.map((events) => events.reduce(foldText, NO_TEXT).answer))).toEqual(new Set([tokenText(100)]));
  // Half of them never read a thing: leaving is enough.
  leave.abort();
  expect(world.attached()).toBe(before);
  const tooLate = await world.gateway.followConversation(world.caller, { conversationId, signal: leave.signal });
  for await (const event of tooLate.events) expect(event).toBeUndefined();
  expect(world.attached()).toBe(before);
});

test("waiting for a turn answers when it has ended, and other messages' fates do not end the wait", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 100, delayMs: 5 }, { text: ["second"] });
  const { conversationId } = (await start(world, agent, "first")).submitted;
  const second = await submit(world, agent, "second", { conversationId });
  const third = await submit(world, agent, "third", { conversationId });
  const waiting = world.gateway.awaitTurn(world.caller, { conversationId, turnId: second.turnId, waitMs: 20_000, signal: staying() });
  const cancelled = world.gateway.awaitTurn(world.caller, { conversationId, turnId: third.turnId, waitMs: 20_000, signal: staying() });
  await expect.poll(() => world.attached()).toBeGreaterThan(2);
  await world.otherGateway.cancelMessage(world.caller, { conversationId, messageId: third.messageId });
  expect(await cancelled).toMatchObject({ turnId: third.turnId, status: "pending", result: null });
  expect(await waiting).toMatchObject({ turnId: second.turnId, status: "completed", result: "second" });
  expect(await stateOf(world, conversationId)).toMatchObject({ state: "idle", queueDepth: 0 });
});

test("a cursor beyond all that a running turn has said is refused", async () => {
  const agent = await world.agent();
  world.model.script({ tokens: 2_000, delayMs: 2 });
  const { events, submitted } = await start(world, agent, "count");
  const { conversationId } = submitted;
  const seen = await collectUntil(events, (event) => event.type === "turn.delta");
  const epoch = seen.at(-1)?.cursor.split("-")[0];
  const beyond = world.gateway.followConversation(world.caller, {
    conversationId,
    after: `${epoch}-99999999` as Cursor,
    signal: staying(),
  });
  await expect(beyond).rejects.toMatchObject({ code: "invalid_cursor" });
  await world.gateway.stopConversation(world.caller, { conversationId, clearQueue: true });
});

test("a reader of a conversation that is deleted is told that it is gone", async () => {
  const agent = await world.agent();
  const { events, submitted } = await start(world, agent, "hello");
  await untilRest(events);
  const { events: attached } = await world.gateway.followConversation(world.caller, {
    conversationId: submitted.conversationId,
    signal: staying(),
  });
  const reading = (async () => {
    for await (const _ of attached) {
      // Everything until the end is of no interest here.
    }
  })();
  await world.gateway.deleteExecution(world.caller, { executionId: submitted.conversationId, memories: "forget" });
  await expect(reading).rejects.toMatchObject({ code: "not_found" });
});
