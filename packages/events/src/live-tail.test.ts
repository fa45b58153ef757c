import { type Cursor, GatewayError, type LogEvent, makeCursor, START } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { createLiveTail, type LiveTailOptions, type RedisLiveTail } from "./live-tail.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const CONVERSATION = "0199f3c2-0000-7000-8000-000000000001";
const OTHER = "0199f3c2-0000-7000-8000-000000000002";

const until = <Value>(check: () => Value | Promise<Value>) => vi.waitFor(check, { timeout: 10_000, interval: 10 });

let redis: TestRedis;
let admin: Redis;
let prefixes = 0;
const open: RedisLiveTail[] = [];

const delta = (epoch: number, n: number, text = `piece ${n}`): LogEvent => ({
  cursor: makeCursor({ epoch, n }),
  type: "turn.delta",
  executionId: CONVERSATION,
  turnId: null,
  at: "2026-01-01T00:00:00.000Z",
  data: { step: 1, offset: 0, text },
});
const cursors = (events: LogEvent[] | null) => events?.map((event) => event.cursor);

async function tail(options: Partial<LiveTailOptions> = {}): Promise<RedisLiveTail> {
  const made = createLiveTail({ url: redis.url, prefix: `test${prefixes}`, log: silent, lingerMs: 0, ...options });
  open.push(made);
  await until(async () => expect(await made.ping()).toBe(true));
  return made;
}

/** What a follower heard, in order; a null for each "look again". */
async function follow(followed: RedisLiveTail, conversationId = CONVERSATION) {
  const heard: (LogEvent[] | null)[] = [];
  const leave = await followed.subscribe(conversationId, (events) => heard.push(events));
  return { heard, leave, cursors: () => heard.flatMap((events) => cursors(events) ?? ["again"]) };
}

const joined = async () => (await admin.pubsub("CHANNELS", `{test${prefixes}:*`)) as string[];

/** Only a connected receiver makes these tests deterministic: until then a follower is told by a null instead. */
async function listening(followed: RedisLiveTail): Promise<void> {
  const probe = await follow(followed, "probe");
  await until(() => {
    followed.publish({ conversationId: "probe", events: [] });
    expect(probe.heard).toContainEqual([]);
  });
  probe.leave();
}

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  admin.on("error", () => undefined);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()));
  prefixes += 1;
});
afterAll(async () => {
  admin.disconnect();
  await redis[Symbol.asyncDispose]();
});

describe("following", () => {
  test("every follower in every process hears committed events and deltas in the order they were sent", async () => {
    const [here, there] = [await tail(), await tail()];
    await Promise.all([listening(here), listening(there)]);
    const followers = [await follow(here), await follow(here), await follow(there)];
    const sent: Cursor[] = [];
    for (let n = 1; n <= 200; n += 2) {
      here.publish({ conversationId: CONVERSATION, events: [delta(1, n)] });
      void here.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, n + 1)] }, { first: n === 1 });
      sent.push(makeCursor({ epoch: 1, n }), makeCursor({ epoch: 1, n: n + 1 }));
    }
    for (const follower of followers) await until(() => expect(follower.cursors()).toEqual(sent));
  });

  test("a follower hears nothing of other conversations, though they share its channel", async () => {
    const made = await tail({ shards: 1 });
    await listening(made);
    const [mine, other] = [await follow(made), await follow(made, OTHER)];
    made.publish({ conversationId: OTHER, events: [delta(1, 1)] });
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 2)] });
    await until(() => expect(mine.cursors()).toEqual(["1-2"]));
    expect(other.cursors()).toEqual(["1-1"]);
  });

  test("events above 64 KiB arrive as a mere look-again, and deltas of that size are kept whole", async () => {
    const made = await tail();
    await listening(made);
    const follower = await follow(made);
    const large = "ü".repeat(40_000);
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 1, large)] });
    await made.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, 2, large)] }, { first: true });
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 3)] });
    await until(() => expect(follower.cursors()).toEqual(["again", "again", "1-3"]));
    expect(await made.deltasAfter(CONVERSATION, START)).toEqual([delta(1, 2, large)]);
  });

  test("a listener that throws keeps neither the others nor later events away", async () => {
    const made = await tail();
    await listening(made);
    await made.subscribe(CONVERSATION, () => {
      throw new Error("a listener's own fault");
    });
    const follower = await follow(made);
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 1)] });
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 2)] });
    await until(() => expect(follower.cursors()).toEqual(["1-1", "1-2"]));
  });

  test("a channel is left when its last follower leaves, and not before", async () => {
    const made = await tail({ shards: 1 });
    await listening(made);
    const [first, second] = [await follow(made), await follow(made, OTHER)];
    expect(await joined()).toHaveLength(1);
    first.leave();
    first.leave();
    made.publish({ conversationId: OTHER, events: [delta(1, 1)] });
    await until(() => expect(second.cursors()).toEqual(["1-1"]));
    expect(await joined()).toHaveLength(1);
    second.leave();
    await until(async () => expect(await joined()).toEqual([]));
    const again = await follow(made);
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 2)] });
    await until(() => expect(again.cursors()).toEqual(["1-2"]));
    expect(first.heard).toEqual([]);
  });

  test("conversations are spread over the fixed number of channels and no more", async () => {
    const made = await tail({ shards: 4 });
    await listening(made);
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => follow(made, `0199f3c2-0000-7000-8000-${String(index).padStart(12, "0")}`)),
    );
    expect(await joined()).toHaveLength(4);
  });
});

describe("kept deltas", () => {
  test("those after a cursor come back in order, across pages, without the cursor itself", async () => {
    const made = await tail();
    const events = Array.from({ length: 1_203 }, (_, index) => delta(3, index + 1));
    expect(await made.appendDeltas({ conversationId: CONVERSATION, events: events.slice(0, 700) }, { first: true })).toBe("kept");
    expect(await made.appendDeltas({ conversationId: CONVERSATION, events: events.slice(700) }, { first: false })).toBe("kept");
    expect(await made.deltasAfter(CONVERSATION, START)).toEqual(events);
    expect(await made.deltasAfter(CONVERSATION, makeCursor({ epoch: 3, n: 700 }))).toEqual(events.slice(700));
    expect(await made.deltasAfter(CONVERSATION, makeCursor({ epoch: 4, n: 0 }))).toEqual([]);
    expect(await made.deltasAfter(OTHER, START)).toEqual([]);
  });

  test("after FLUSHALL an append is lost until a first one starts the list again", async () => {
    const made = await tail();
    const append = (n: number, first: boolean) => made.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, n)] }, { first });
    expect(await append(1, true)).toBe("kept");
    await admin.flushall();
    expect(await append(2, false)).toBe("lost");
    expect(await made.deltasAfter(CONVERSATION, START)).toEqual([]);
    expect(await append(4, true)).toBe("kept");
    expect(await append(5, false)).toBe("kept");
    expect(cursors(await made.deltasAfter(CONVERSATION, START))).toEqual(["1-4", "1-5"]);
  });

  test("a writer whose epoch has passed is refused with stale_epoch, and nothing of it is kept or heard", async () => {
    const [stale, current] = [await tail(), await tail()];
    await listening(current);
    const follower = await follow(current);
    await stale.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, 9)] }, { first: true });
    await current.appendDeltas({ conversationId: CONVERSATION, events: [delta(2, 1)] }, { first: true });
    for (const first of [true, false]) {
      const refused = stale.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, 10), delta(1, 11)] }, { first });
      await expect(refused).rejects.toSatisfy((error) => error instanceof GatewayError && error.code === "stale_epoch");
    }
    expect(cursors(await current.deltasAfter(CONVERSATION, START))).toEqual(["1-9", "2-1"]);
    current.publish({ conversationId: CONVERSATION, events: [delta(2, 2)] });
    await until(() => expect(follower.cursors()).toEqual(["1-9", "2-1", "2-2"]));
  });

  test("expired deltas can still be read for a while, and the next turn's first delta makes the list last again", async () => {
    const made = await tail();
    const key = async () => (await admin.keys(`{test${prefixes}:*}:deltas:*`))[0] ?? "";
    await made.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, 1)] }, { first: true });
    expect(await admin.ttl(await key())).toBeGreaterThan(1_800);
    made.expireDeltas(CONVERSATION);
    await until(async () => expect(await admin.ttl(await key())).toBeLessThanOrEqual(60));
    expect(cursors(await made.deltasAfter(CONVERSATION, START))).toEqual(["1-1"]);
    await made.appendDeltas({ conversationId: CONVERSATION, events: [delta(2, 2)] }, { first: true });
    expect(await admin.ttl(await key())).toBeGreaterThan(1_800);
  });

  test("the list is bounded: the oldest deltas go first", async () => {
    const made = await tail({ deltasMax: 200 });
    const events = Array.from({ length: 1_000 }, (_, index) => delta(1, index + 1));
    await made.appendDeltas({ conversationId: CONVERSATION, events }, { first: true });
    const kept = await made.deltasAfter(CONVERSATION, START);
    expect(kept.length).toBeLessThanOrEqual(400);
    expect(kept).toEqual(events.slice(-kept.length));
  });
});

describe("nudges", () => {
  test("reach the worker they name and no other, with the conversation", async () => {
    const [sender, receiver] = [await tail(), await tail()];
    await listening(receiver);
    const heard: string[] = [];
    const leave = await receiver.onNudge("one", (conversationId) => heard.push(`one ${conversationId}`));
    await receiver.onNudge("two", (conversationId) => heard.push(`two ${conversationId}`));
    sender.nudge("one", CONVERSATION);
    sender.nudge("two", OTHER);
    await until(() => expect(heard.toSorted()).toEqual([`one ${CONVERSATION}`, `two ${OTHER}`]));
    await leave();
    await until(async () => expect(await joined()).toHaveLength(1));
  });
});

describe("when Redis goes away", () => {
  test("a cut connection ends in a look-again for every follower, and following goes on", async () => {
    const made = await tail();
    await listening(made);
    const [mine, other] = [await follow(made), await follow(made, OTHER)];
    await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
    await until(() => expect([mine.cursors(), other.cursors()]).toEqual([["again"], ["again"]]));
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 1)] });
    await until(() => expect(mine.cursors()).toEqual(["again", "1-1"]));
  });

  test("calls answer at once and count as lost, and all works again when a restarted Redis is back", async () => {
    let losses = 0;
    const made = await tail({ onLost: () => (losses += 1) });
    await listening(made);
    const follower = await follow(made);
    await redis.stop();
    await until(async () => expect(await made.ping()).toBe(false));
    const started = performance.now();
    expect(await made.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, 1)] }, { first: true })).toBe("lost");
    expect(await made.deltasAfter(CONVERSATION, START)).toEqual([]);
    made.publish({ conversationId: CONVERSATION, events: [delta(1, 1)] });
    made.nudge("one", CONVERSATION);
    made.expireDeltas(CONVERSATION);
    const late = await follow(made, OTHER);
    expect(performance.now() - started).toBeLessThan(900);
    await until(() => expect(losses).toBeGreaterThanOrEqual(3));
    await redis.start();
    await until(() => expect([follower.cursors(), late.cursors()]).toEqual([["again"], ["again"]]));
    await until(async () => expect(await made.ping()).toBe(true));
    expect(await made.appendDeltas({ conversationId: OTHER, events: [delta(1, 1)] }, { first: true })).toBe("kept");
    await until(() => expect(late.cursors()).toEqual(["again", "1-1"]));
  });

  test("a frozen Redis costs no more than the command timeout", async () => {
    const made = await tail({ commandTimeoutMs: 100 });
    redis.signal("SIGSTOP");
    try {
      expect(await made.appendDeltas({ conversationId: CONVERSATION, events: [delta(1, 1)] }, { first: true })).toBe("lost");
      expect(await made.deltasAfter(CONVERSATION, START)).toEqual([]);
      expect(await made.ping()).toBe(false);
    } finally {
      redis.signal("SIGCONT");
    }
  });

  test("a tail that never found its Redis closes without an error", async () => {
    const made = createLiveTail({ url: "redis://127.0.0.1:1", prefix: "none", log: silent });
    const follower = await follow(made);
    made.publish({ conversationId: CONVERSATION, events: [] });
    follower.leave();
    await made.close();
  });
});

test("closing sends what was published before it and leaves no connection behind", async () => {
  const [leaving, staying] = [await tail(), await tail()];
  await Promise.all([listening(staying), listening(leaving)]);
  const follower = await follow(staying);
  leaving.publish({ conversationId: CONVERSATION, events: [delta(1, 1)] });
  await leaving.close();
  await until(() => expect(follower.cursors()).toEqual(["1-1"]));
  await staying.close();
  await until(async () => expect(await admin.client("LIST")).not.toContain(`name=test${prefixes}:`));
});
