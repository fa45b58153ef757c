import { connectRedis, isLive, type RedisClient } from "@parley/redis";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createMessageWindow } from "./message-window.ts";

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

const ours = { organizationId: "o", principalId: "p" };
const bounds = { callsMax: 5, windowMs: 60_000 };

test("processes share a principal's window, and count several calls all or none", async () => {
  const [one, two] = [await connected(), await connected()].map((client) => createMessageWindow({ client, prefix: "two", ...bounds }));
  expect(await one?.take(ours, 3)).toBe(0);
  expect(await two?.take(ours, 3)).toBeGreaterThan(50);
  expect(await two?.take(ours, 2)).toBe(0);
  expect(await one?.take(ours, 1)).toBeGreaterThan(50);
  expect(await one?.take({ ...ours, principalId: "other" }, 5)).toBe(0);
  expect(await one?.take({ ...ours, organizationId: "other" }, 5)).toBe(0);
});

test("there is room again when a call has left the window, and not before", async () => {
  const window = createMessageWindow({ client: await connected(), prefix: "slides", callsMax: 1, windowMs: 400 });
  const startedMs = performance.now();
  expect(await window.take(ours, 1)).toBe(0);
  await vi.waitFor(async () => expect(await window.take(ours, 1)).toBe(0), { timeout: 5_000, interval: 5 });
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(399);
});

test("while Redis is away each process counts for itself", async () => {
  const client = await connected();
  const window = createMessageWindow({ client, prefix: "away", ...bounds });
  expect(await window.take(ours, 5)).toBe(0);
  await redis.stop();
  await until(() => expect(isLive(client)).toBe(false));
  expect(await window.take(ours, 5)).toBe(0);
  expect(await window.take(ours, 1)).toBeGreaterThan(0);
  await redis.start();
});
