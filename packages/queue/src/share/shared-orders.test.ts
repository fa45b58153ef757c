import { type ConversationId, newId, type OrganizationId } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createJobQueue, type RedisJobQueue } from "../job-queue.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

let redis: TestRedis;
let client: Redis;
let queue: RedisJobQueue;
let prefixes = 0;
const prefix = () => `share${prefixes}`;

beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
});
beforeEach(() => {
  queue = createJobQueue({ url: redis.url, prefix: prefix(), log: silent });
});
afterEach(async () => {
  await queue.close();
  prefixes += 1;
});
afterAll(async () => {
  client.disconnect();
  await redis[Symbol.asyncDispose]();
});

const organization = () => newId<OrganizationId>();
const conversation = () => newId<ConversationId>();
const give = (organizationId: OrganizationId, conversationId = conversation(), urgent = false) =>
  queue.enqueue("turn.run", { organizationId, conversationId }, { once: `${conversationId}-1`, urgent });
/** One after the other, as by a caller that waits for each answer. */
async function giveMany(organizationId: OrganizationId, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await give(organizationId);
}
const report = (slots: number, orders: string[] = [], id = "worker") => queue.report("turns", { id, slots, orders });
const counts = async () => {
  const { waiting, held } = (await queue.counts()).turns;
  return { waiting, held };
};

interface GivenJob {
  organizationId: string;
  conversationId: string;
  order: string;
}

/** What stands in BullMQ, the oldest first. */
async function given(): Promise<GivenJob[]> {
  const ids = await client.lrange(`{${prefix()}:turns}:turns:wait`, 0, -1);
  const data = await Promise.all(ids.reverse().map((id) => client.hget(`{${prefix()}:turns}:turns:${id}`, "data")));
  return data.flatMap((text) => (text === null ? [] : [JSON.parse(text) as GivenJob]));
}

/** A worker takes the oldest order and is done with it. */
async function work(): Promise<GivenJob | undefined> {
  const id = await client.rpop(`{${prefix()}:turns}:turns:wait`);
  if (id === null) return undefined;
  const text = await client.hget(`{${prefix()}:turns}:turns:${id}`, "data");
  const job = JSON.parse(text ?? "null") as GivenJob;
  await queue.leave("turns", job.order);
  return job;
}

/** As a FLUSHALL would, for this prefix. */
const forget = async (part = "") => {
  const keys = await client.keys(`{${prefix()}:turns}:${part}*`);
  if (keys.length > 0) await client.del(...keys);
};

describe("an organization alone", () => {
  test("gets nine tenths of the workers' slots; what is more waits in line, the oldest first", async () => {
    await report(10);
    const one = organization();
    const conversations = Array.from({ length: 14 }, conversation);
    for (const id of conversations) await give(one, id);
    // The first that found no room had taken its place already when it was told so.
    expect(await counts()).toEqual({ waiting: 9, held: 5 });
    const order: string[] = [];
    for (let job = await work(); job; job = await work()) order.push(job.conversationId);
    expect(order).toEqual(conversations);
    expect(await counts()).toEqual({ waiting: 0, held: 0 });
  });

  test("gets as much more as another worker brings, at once, and less when it leaves", async () => {
    await report(10);
    const one = organization();
    await giveMany(one, 30);
    await report(10, [], "another");
    expect(await counts()).toEqual({ waiting: 18, held: 12 });
    await report(0, [], "another");
    for (let index = 0; index < 10; index += 1) await work();
    expect(await counts()).toEqual({ waiting: 9, held: 11 });
  });

  test("has a place though there is a single slot", async () => {
    await report(1);
    await giveMany(organization(), 3);
    expect(await counts()).toEqual({ waiting: 1, held: 2 });
    await work();
    expect(await counts()).toEqual({ waiting: 1, held: 1 });
  });

  test("does not have an order twice in line or in BullMQ", async () => {
    await report(2);
    const [one, first, second] = [organization(), conversation(), conversation()];
    for (let times = 0; times < 3; times += 1) {
      await give(one, first);
      await give(one, second);
    }
    expect(await counts()).toEqual({ waiting: 1, held: 1 });
  });
});

describe("beside a backlog of another organization", () => {
  test("an order is given at once, and stands behind a few and not behind thousands", async () => {
    await report(10);
    await giveMany(organization(), 200);
    const quiet = organization();
    await give(quiet);
    expect((await given()).map(({ organizationId }) => organizationId)).toHaveLength(10);
    expect((await given()).at(-1)?.organizationId).toBe(quiet);
  });

  test("free places go to whoever has the fewest, until all have as many", async () => {
    await report(10);
    const [one, other] = [organization(), organization()];
    await giveMany(one, 40);
    await giveMany(other, 40);
    const share = async () => {
      const jobs = await given();
      return [one, other].map((id) => jobs.filter(({ organizationId }) => organizationId === id).length);
    };
    expect(await share()).toEqual([9, 1]);
    for (let index = 0; index < 5; index += 1) await work();
    expect((await share()).toSorted()).toEqual([4, 5]);
    for (let index = 0; index < 20; index += 1) await work();
    expect((await share()).toSorted()).toEqual([4, 5]);
  });

  test("those that tie take turns", async () => {
    await report(2);
    const all = Array.from({ length: 3 }, organization);
    for (const id of all) await giveMany(id, 20);
    const worked: string[] = [];
    for (let index = 0; index < 30; index += 1) worked.push((await work())?.organizationId ?? "");
    const turns = all.map((id) => worked.filter((one) => one === id).length);
    expect(Math.min(...turns)).toBeGreaterThanOrEqual(8);
  });

  test("an organization with three times the weight has three times the places", async () => {
    const [light, heavy] = [organization(), organization()];
    await queue.weigh(new Map([[heavy, 3]]));
    await report(20);
    await giveMany(light, 100);
    await giveMany(heavy, 100);
    for (let index = 0; index < 60; index += 1) await work();
    const jobs = await given();
    expect(jobs.length).toBe(18);
    const heavyPlaces = jobs.filter(({ organizationId }) => organizationId === heavy).length;
    expect(heavyPlaces).toBeGreaterThanOrEqual(13);
    expect(heavyPlaces).toBeLessThanOrEqual(14);
  });

  test("an urgent order waits for nobody, not even for its own earlier one", async () => {
    await report(2);
    const one = organization();
    const begun = conversation();
    await giveMany(one, 10);
    await give(one, begun, true);
    await give(one, begun, true);
    expect((await given()).filter(({ conversationId }) => conversationId === begun)).toHaveLength(2);
  });
});

describe("what was lost", () => {
  const due = (organizationId: OrganizationId, conversationId: ConversationId, graceMs = 0) => ({
    payload: { organizationId, conversationId },
    once: `${conversationId}-1`,
    sinceMs: Date.now() - 10_000,
    graceMs,
  });

  test("is found and put in line again after Redis forgot it, the oldest first, and what is there is not missing", async () => {
    await report(10);
    const one = organization();
    const conversations = Array.from({ length: 30 }, conversation);
    for (const id of conversations) await give(one, id);
    const all = conversations.map((id, index) => ({ ...due(one, id, 60_000), sinceMs: index }));
    expect(await queue.findMissing("turn.run", all)).toEqual([]);
    await forget();
    await report(10);
    expect(await queue.findMissing("turn.run", all)).toEqual(conversations.map((_, index) => index));
    await queue.restore("turn.run", all.toReversed());
    expect(await counts()).toEqual({ waiting: 9, held: 21 });
    expect((await given()).map(({ conversationId }) => conversationId)).toEqual(conversations.slice(0, 9));
    expect(await queue.findMissing("turn.run", all)).toEqual([]);
  });

  test("is missing when its place is older than the grace, and is given again whoever waits", async () => {
    await report(1);
    const [one, lost] = [organization(), conversation()];
    await give(one, lost);
    await giveMany(one, 3);
    expect(await queue.findMissing("turn.run", [due(one, lost, 60_000)])).toEqual([]);
    expect(await queue.findMissing("turn.run", [due(one, lost)])).toEqual([0]);
    await queue.restore("turn.run", [due(one, lost)]);
    expect((await given()).map(({ conversationId }) => conversationId)).toEqual([lost, lost]);
  });

  test("is not what waits in BullMQ because the workers have their hands full", async () => {
    await report(1);
    const all = Array.from({ length: 3 }, () => ({ one: organization(), waits: conversation() }));
    for (const { one, waits } of all) await give(one, waits);
    const found = all.map(({ one, waits }) => due(one, waits));
    expect(await queue.findMissing("turn.run", found)).toEqual([]);
    await work();
    await work();
    expect(await queue.findMissing("turn.run", found)).toEqual([0, 1, 2]);
  });

  test("by a worker that was killed keeps no place for longer than it counts, and then the next ones go", async () => {
    await report(10);
    const one = organization();
    await giveMany(one, 20);
    // As if the time were over: nobody has spoken of these places since.
    const places = `{${prefix()}:turns}:share:places`;
    for (const order of await client.zrange(places, "0", "-1")) await client.zadd(places, "1", order);
    await report(10);
    expect(await counts()).toEqual({ waiting: 18, held: 2 });
  });

  test("keeps its place while no worker lives, however long, and for the first one that comes", async () => {
    await report(100);
    const one = organization();
    await giveMany(one, 100);
    // As if the time of all that was said were over.
    const share = (name: string) => `{${prefix()}:turns}:share:${name}`;
    for (const order of await client.zrange(share("places"), "0", "-1")) await client.zadd(share("places"), "1", order);
    await client.del(share("slots"), share("workers"));
    await giveMany(one, 5);
    expect(await counts()).toEqual({ waiting: 90, held: 15 });
    await report(100);
    await giveMany(one, 1);
    expect(await counts()).toEqual({ waiting: 90, held: 16 });
    for (let index = 0; index < 9; index += 1) await work();
    expect(await counts()).toEqual({ waiting: 90, held: 7 });
  });

  test("is known again from the workers that have it in their hands", async () => {
    await report(10);
    const one = organization();
    await giveMany(one, 9);
    const orders = (await given()).map(({ order }) => order);
    await forget("share");
    await report(10, orders);
    await giveMany(one, 2);
    expect(await counts()).toEqual({ waiting: 9, held: 2 });
  });
});

test("neither a burst nor a trickle after it takes more places than its share", async () => {
  await report(10);
  const one = organization();
  await Promise.all(Array.from({ length: 30 }, () => give(one)));
  expect(await counts()).toEqual({ waiting: 9, held: 21 });
  await giveMany(one, 10);
  await work();
  await giveMany(one, 10);
  expect(await counts()).toEqual({ waiting: 9, held: 40 });
});
