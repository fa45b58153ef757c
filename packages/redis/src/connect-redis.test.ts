import type { Log } from "@parley/domain";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { connectRedis, isLive, type RedisAddress, type RedisClient } from "./connect-redis.ts";
import { endConnection } from "./end-connection.ts";
import { watchConnection } from "./watch-connection.ts";

type Options = Parameters<typeof connectRedis>[1];

const until = <Value>(check: () => Value | Promise<Value>) => vi.waitFor(check, { timeout: 20_000, interval: 10 });

let redis: TestRedis;
let url: string;
const open: RedisClient[] = [];

function connect(options: Partial<Options> = {}, address: RedisAddress = { url }): RedisClient {
  const client = connectRedis(address, { role: "worker", name: "test", ...options });
  client.on("error", () => undefined);
  open.push(client);
  return client;
}

beforeAll(async () => {
  redis = await startRedis(["--requirepass", "p@ss"]);
  url = `redis://:p%40ss@127.0.0.1:${redis.port}`;
});
afterEach(() => {
  for (const client of open.splice(0)) client.disconnect();
});
afterAll(() => redis[Symbol.asyncDispose]());

test("an address says password and database, and Redis lists the connection by its name", async () => {
  const client = connect({ name: "orders" }, { url: `${url}/3` });
  expect(await client.client("INFO")).toMatch(/ name=orders .* db=3 /);
});

test("of several addresses the first one's user, password, database and TLS hold for the master that Sentinels name", () => {
  const client = connect({}, { url: "rediss://me:p%40ss@127.0.0.1:1/2,rediss://127.0.0.1", sentinelName: "main" });
  expect(client).toBeInstanceOf(Redis);
  expect(client.options).toMatchObject({
    name: "main",
    sentinels: [
      { host: "127.0.0.1", port: 1 },
      { host: "127.0.0.1", port: 26_379 },
    ],
    username: "me",
    password: "p@ss",
    db: 2,
    tls: {},
  });
});

test.each(["producer", "pubsub"] as const)("a %s hears at once that Redis is away, and is served when it is back", async (role) => {
  const client = connect({ role });
  await until(() => expect(isLive(client)).toBe(true));
  await redis.stop();
  await until(() => expect(isLive(client)).toBe(false));
  await expect(client.ping()).rejects.toThrow("enableOfflineQueue");
  await redis.start();
  await until(async () => expect(await client.ping()).toBe("PONG"));
});

test("a worker's command waits until Redis is back", async () => {
  const client = connect();
  await until(() => expect(isLive(client)).toBe(true));
  await redis.stop();
  await until(() => expect(client.status).toBe("reconnecting"));
  const answer = client.ping();
  await redis.start();
  expect(await answer).toBe("PONG");
});

test("a frozen Redis costs no more than the command timeout", async () => {
  const client = connect({ role: "producer", commandTimeoutMs: 100 });
  await until(() => expect(isLive(client)).toBe(true));
  redis.signal("SIGSTOP");
  try {
    await expect(client.ping()).rejects.toThrow("Command timed out");
  } finally {
    redis.signal("SIGCONT");
  }
});

test("ending a connection that pauses between two attempts rejects what waits for it", async () => {
  const client = connect();
  await until(() => expect(isLive(client)).toBe(true));
  await redis.stop();
  await until(() => expect(client.status).toBe("reconnecting"));
  const answer = client.ping();
  endConnection(client);
  await expect(answer).rejects.toThrow("Connection is closed");
  await until(() => expect(client.status).toBe("end"));
  await redis.start();
});

test("an outage is logged once when it starts and once when it is over", async () => {
  const said: string[] = [];
  const say = (_: unknown, message: string) => void said.push(message);
  const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
  const client = connect();
  watchConnection(client, log);
  await until(() => expect(isLive(client)).toBe(true));
  await redis.stop();
  await until(() => expect(said.filter((message) => message === "Redis is still away").length).toBeGreaterThanOrEqual(2));
  await redis.start();
  await until(() => expect(said.filter((message) => message !== "Redis is still away")).toEqual(["Redis is away", "Redis is back"]));
});
