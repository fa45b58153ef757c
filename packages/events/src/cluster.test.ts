import { type LogEvent, makeCursor, START } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { freePort, startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createLiveTail, type RedisLiveTail } from "./live-tail.ts";

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const until = <Value>(check: () => Value | Promise<Value>) => vi.waitFor(check, { timeout: 20_000, interval: 20 });
const SLOTS = 16_384;

const nodes: TestRedis[] = [];
let tail: RedisLiveTail;

const delta = (n: number): LogEvent => ({
  cursor: makeCursor({ epoch: 1, n }),
  type: "turn.delta",
  executionId: "0199f3c2-0000-7000-8000-000000000001",
  turnId: null,
  at: "2026-01-01T00:00:00.000Z",
  data: { step: 1, offset: 0, text: "piece" },
});

/** Two masters that share the slots. */
beforeAll(async () => {
  const ports = [await freePort(), await freePort()];
  for (const port of ports) nodes.push(await startRedis(["--cluster-enabled", "yes", "--cluster-port", String(port)]));
  const clients = nodes.map((node) => new Redis(node.url));
  for (const [index, client] of clients.entries()) {
    const [from, to] = index === 0 ? [0, SLOTS / 2 - 1] : [SLOTS / 2, SLOTS - 1];
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
  }
  await clients[0]?.call("CLUSTER", "MEET", "127.0.0.1", nodes[1]?.port ?? 0, ports[1] ?? 0);
  for (const client of clients)
    await until(async () => expect(await client.call("CLUSTER", "INFO")).toMatch(/state:ok[\s\S]*known_nodes:2/));
  for (const client of clients) client.disconnect();
  tail = createLiveTail({ url: nodes.map((node) => node.url).join(","), cluster: true, prefix: "test", log: silent, lingerMs: 0 });
  await until(async () => expect(await tail.ping()).toBe(true));
}, 40_000);

afterAll(async () => {
  await tail?.close();
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
});

test("on a Cluster events and deltas of conversations on every node arrive in order", async () => {
  const conversations = Array.from({ length: 24 }, (_, index) => `conversation-${index}`);
  const heard = new Map<string, string[]>(conversations.map((id) => [id, []]));
  await Promise.all(
    conversations.map((id) => tail.subscribe(id, (events) => heard.get(id)?.push(...(events ?? []).map((event) => event.cursor)))),
  );
  // The receiving side may still be finding its nodes; a first answer on each channel says that it has.
  await until(async () => {
    for (const id of conversations) tail.publish({ conversationId: id, events: [delta(1)] });
    expect([...heard.values()].every((cursors) => cursors.length > 0)).toBe(true);
  });
  for (const id of conversations) {
    expect(await tail.appendDeltas({ conversationId: id, events: [delta(2), delta(3)] }, { first: true })).toBe("kept");
    tail.publish({ conversationId: id, events: [delta(4)] });
    expect(await tail.deltasAfter(id, START)).toEqual([delta(2), delta(3)]);
  }
  for (const id of conversations)
    await until(() => expect(heard.get(id)?.filter((cursor) => cursor !== "1-1")).toEqual(["1-2", "1-3", "1-4"]));
});

test("on a Cluster a refused epoch is told from a loss", async () => {
  const first = { conversationId: "fenced", events: [delta(5)] };
  await tail.appendDeltas(first, { first: true });
  await expect(tail.appendDeltas({ conversationId: "fenced", events: [delta(4)] }, { first: false })).rejects.toThrow("passed on");
  expect(await tail.appendDeltas({ conversationId: "never begun", events: [delta(1)] }, { first: false })).toBe("lost");
});

test("on a Cluster a nudge reaches its worker", async () => {
  const heard: string[] = [];
  const leave = await tail.onNudge("worker", (conversationId) => heard.push(conversationId));
  await until(() => {
    tail.nudge("worker", "conversation");
    expect(heard).toContain("conversation");
  });
  await leave();
});
