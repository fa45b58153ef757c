import { connectRedis, isLive, type RedisClient } from "@parley/redis";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createRateLimiter } from "./rate-limiter.ts";

let redis: TestRedis;
const open: RedisClient[] = [];
const until = <Value>(check: () => Value) => vi.waitFor(check, { timeout: 20_000, interval: 5 });

beforeAll(async () => {
  redis = await startRedis([]);
});
afterEach(() => {
  for (const client of open.splice(0)) client.disconnect();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function connected(): Promise<RedisClient> {
  const client = connectRedis({ url: `redis://127.0.0.1:${redis.port}` }, { role: "producer", name: "limits", commandTimeoutMs: 250 });
  client.on("error", () => undefined);
  open.push(client);
  await until(() => expect(isLive(client)).toBe(true));
  return client;
}

const windowOf = (key: string, max: number, windowMs = 60_000) => ({ key, max, windowMs });

test("two processes share one window: together they let through exactly what it has", async () => {
  const processes = [await connected(), await connected()].map((client) => createRateLimiter({ client, prefix: "two" }));
  let allowed = 0;
  for (let call = 0; call < 300; call++) {
    const counted = await processes[call % 2]?.take(windowOf("k", 100));
    if (counted?.allowed) allowed++;
  }
  expect(allowed).toBe(100);
});

test("calls that come at once are counted one by one", async () => {
  const limiter = createRateLimiter({ client: await connected(), prefix: "burst" });
  const counted = await Promise.all(Array.from({ length: 80 }, async () => limiter.take(windowOf("k", 50))));
  expect(counted.filter(({ allowed }) => allowed)).toHaveLength(50);
});

test("one call more than the window has is refused, another key's is not, and the next window begins anew", async () => {
  let shift = 0;
  const limiter = createRateLimiter({ client: await connected(), prefix: "one", now: () => performance.now() + shift });
  const left: number[] = [];
  for (let call = 0; call < 4; call++) {
    const counted = await limiter.take(windowOf("k", 3, 300));
    left.push(counted.allowed ? counted.left : -1);
  }
  expect(left).toEqual([2, 1, 0, -1]);
  expect(limiter.spentForMs("k")).toBeGreaterThan(0);
  expect((await limiter.take(windowOf("other", 3))).allowed).toBe(true);
  expect(limiter.spentForMs("other")).toBe(0);
  // The clock of this process alone is further on: Redis still knows the window, and its word holds.
  shift = 300;
  expect((await limiter.take(windowOf("k", 3, 300))).allowed).toBe(false);
  shift = 0;
  await vi.waitFor(async () => expect((await limiter.take(windowOf("k", 3, 300))).allowed).toBe(true), { timeout: 10_000 });
});

test("most calls are answered without asking Redis", async () => {
  const client = await connected();
  const limiter = createRateLimiter({ client, prefix: "few" });
  const asked = vi.spyOn(client, "takeCalls");
  for (let call = 0; call < 3_000; call++) await limiter.take(windowOf("k", 3_000));
  expect((await limiter.take(windowOf("k", 3_000))).allowed).toBe(false);
  expect(asked.mock.calls.length).toBeLessThan(100);
});

test("without Redis a process counts for itself, and what it had been given is not given again", async () => {
  const limiter = createRateLimiter({ client: await connected(), prefix: "away" });
  expect((await limiter.take(windowOf("k", 10))).allowed).toBe(true);
  await redis.stop();
  try {
    const counted = await Promise.all(Array.from({ length: 40 }, async () => limiter.take(windowOf("fresh", 10))));
    expect(counted.filter(({ allowed }) => allowed)).toHaveLength(10);
  } finally {
    await redis.start();
  }
});

test("a frozen Redis costs its first caller the timeout and the others nothing", async () => {
  const client = await connected();
  const limiter = createRateLimiter({ client, prefix: "frozen" });
  const asked = vi.spyOn(client, "takeCalls");
  redis.signal("SIGSTOP");
  try {
    for (let key = 0; key < 20; key++) expect((await limiter.take(windowOf(`k${key}`, 10))).allowed).toBe(true);
    expect(asked).toHaveBeenCalledTimes(1);
  } finally {
    redis.signal("SIGCONT");
  }
});

test("keys that are not used are forgotten", async () => {
  const limiter = createRateLimiter({ client: null, prefix: "keys", keysMax: 2 });
  for (const key of ["a", "a", "b", "c"]) await limiter.take(windowOf(key, 1));
  expect([limiter.spentForMs("a"), limiter.spentForMs("c")]).toEqual([0, expect.any(Number)]);
  expect(limiter.spentForMs("c")).toBeGreaterThan(0);
});
