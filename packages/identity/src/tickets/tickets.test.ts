import { connectRedis, isLive, type RedisClient } from "@parley/redis";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTickets } from "./tickets.ts";

let redis: TestRedis;
let client: RedisClient;
beforeAll(async () => {
  redis = await startRedis([]);
  client = connectRedis({ url: `redis://127.0.0.1:${redis.port}` }, { role: "producer", name: "tickets" });
  client.on("error", () => undefined);
  await vi.waitFor(() => expect(isLive(client)).toBe(true), { timeout: 20_000 });
});
afterAll(async () => {
  client.disconnect();
  await redis[Symbol.asyncDispose]();
});

test("a ticket gives its credential once, also where many ask at once", async () => {
  const tickets = createTickets({ client, prefix: "once" });
  const ticket = await tickets.create("the credential");
  const answers = await Promise.all(Array.from({ length: 20 }, () => tickets.redeem(ticket)));
  expect(answers.filter((answer) => answer !== null)).toEqual(["the credential"]);
  expect(await tickets.redeem(ticket)).toBeNull();
});

test("what Redis holds tells neither the ticket nor the credential, and is gone after a minute", async () => {
  const tickets = createTickets({ client, prefix: "held" });
  const ticket = await tickets.create("agw_the-credential");
  const [key = ""] = await client.keys("held:*");
  const held = `${key} ${await client.get(key)}`;
  expect(held).not.toContain(ticket.slice(4));
  expect(held).not.toContain("the-credential");
  expect(await client.pttl(key)).toBeLessThanOrEqual(60_000);
  expect(await client.pttl(key)).toBeGreaterThan(0);
});

test("what is no ticket is nobody's, and asks nothing of Redis", async () => {
  const tickets = createTickets({ client, prefix: "none" });
  const asked = vi.spyOn(client, "getdel");
  for (const text of ["", "agt_", "agt_short", "*", "agw_".padEnd(47, "x")]) expect(await tickets.redeem(text)).toBeNull();
  expect(asked).not.toHaveBeenCalled();
  expect(await tickets.redeem(`agt_${"x".repeat(43)}`)).toBeNull();
});
