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

/** A Redis that answers late, on a busy machine, is one that answers; only the test of one that is silent waits for less. */
async function connected(commandTimeoutMs = 20_000): Promise<RedisClient> {
  const client = connectRedis({ url: `redis://127.0.0.1:${redis.port}` }, { role: "producer", name: "limits", commandTimeoutMs });
  client.on("error", () => undefined);
  open.push(client);
  await until(() => expect(isLive(client)).toBe(true));
  return client;
}

const raise = (): never => {
  throw new Error("There is none.");
};
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

/** Three processes that hear of one another, as far as they are not deaf. */
async function three(prefix: string) {
  const listeners: ((text: string) => void)[] = [];
  const clients = [await connected(), await connected(), await connected()];
  const told = vi.fn((text: string) => {
    for (const listener of listeners) setImmediate(listener, text);
  });
  const news = { tell: told, listen: (listener: (text: string) => void) => void listeners.push(listener) };
  const limiters = clients.map((client) => createRateLimiter({ client, prefix, news }));
  const take = async (process: number, window: { key: string; max: number; windowMs: number }) => {
    const counted = await limiters[process]?.take(window);
    return counted?.allowed ?? false;
  };
  const countAllowed = async (calls: Promise<boolean>[]) => (await Promise.all(calls)).filter(Boolean).length;
  return { clients, listeners, told, take, countAllowed };
}

test("whichever processes the calls come to, all of a window is let through, and not one more", async () => {
  const { take, countAllowed, told } = await three("whichever");
  for (const seed of Array.from({ length: 40 }, (_, index) => index)) {
    const window = windowOf(`k${seed}`, 100);
    let random = seed + 1;
    const next = (below: number): number => {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((random / 2 ** 31) * below);
    };
    let allowed = 0;
    // A few here and a few there, one by one or at once, and then all that the last one is asked for.
    for (let burst = 0; burst < 4; burst++) {
      const process = next(3);
      if (burst % 2 === 0) allowed += await countAllowed(Array.from({ length: next(20) }, () => take(process, window)));
      else for (let call = next(12); call > 0; call--) if (await take(next(3), window)) allowed++;
    }
    const last = next(3);
    for (let call = 0; call < 60; call++) if (await take(last, window)) allowed++;
    allowed += await countAllowed(Array.from({ length: 60 }, (_, call) => take((last + call) % 3, window)));
    expect([seed, allowed]).toEqual([seed, 100]);
  }
  expect(told.mock.calls.length).toBeLessThan(200);
});

test("a process that does not answer costs one wait, and what it has in hand is let through by nobody else", async () => {
  const { take, clients, listeners } = await three("silent");
  const window = windowOf("k", 40);
  expect(await take(0, window)).toBe(true);
  listeners.shift();
  let allowed = 1;
  for (let call = 0; call < 50; call++) if (await take(1, window)) allowed++;
  expect(allowed).toBeLessThan(40);
  expect(allowed).toBeGreaterThan(25);
  const asked = vi.spyOn(clients[1] ?? raise(), "takeCalls");
  for (let call = 0; call < 20; call++) expect(await take(1, window)).toBe(false);
  expect(asked).not.toHaveBeenCalled();
  while (await take(0, window)) allowed++;
  expect(allowed).toBe(40);
});

test("what is given back too late is not added to the next window", async () => {
  let hear: ((text: string) => void) | undefined;
  const news = { tell: () => undefined, listen: (listener: (text: string) => void) => void (hear = listener) };
  const client = await connected();
  // Its clock stands still: to this one the window never ends.
  const slow = createRateLimiter({ client, prefix: "late", news, now: () => 0 });
  const other = createRateLimiter({ client: await connected(), prefix: "late" });
  expect((await slow.take(windowOf("k", 40, 300))).allowed).toBe(true);
  await vi.waitFor(async () => expect(await other.take(windowOf("k", 40, 60_000))).toMatchObject({ left: 39 }), {
    timeout: 10_000,
    interval: 20,
  });
  const given = vi.spyOn(client, "giveBackCalls");
  hear?.(`${"0".repeat(36)} k`);
  await vi.waitFor(() => expect(given).toHaveBeenCalledOnce(), { timeout: 10_000 });
  await given.mock.results[0]?.value;
  const counted = await Promise.all(Array.from({ length: 60 }, async () => other.take(windowOf("k", 40))));
  expect(counted.filter(({ allowed }) => allowed)).toHaveLength(39);
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
  const client = await connected(250);
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
