import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@parley/client";
import { foldText, type LogEvent, NO_TEXT } from "@parley/contracts";
import { at, type System, startSystem, tokenText } from "@parley/testkit";
import { startRedis, type TestRedis } from "@parley/testkit/redis-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { gatewayOf } from "./support/gateway-paths.ts";
import { isType, readChunks, wholeStream } from "./support/read-rest.ts";

const TOKENS = 200;

let redis: TestRedis;
let system: System;
let agent: string;
let gateway: ReturnType<typeof gatewayOf>;
beforeAll(async () => {
  redis = await startRedis();
  system = await startSystem({ redisUrl: redis.url, leaseMs: 4_000 });
  agent = await system.ours.newAgent();
  gateway = gatewayOf(system.rest(), agent);
  system.model.when(({ lastUserText }) => lastUserText.startsWith("count"), { tokens: TOKENS, delayMs: 12 });
});
afterAll(async () => {
  await system.close();
  await redis[Symbol.asyncDispose]();
});

const asked = (text: string) => system.model.journal.filter(({ body }) => body.messages?.at(-1)?.content === text).length;

/** What a reader of the typed client sees of the conversation, from its start until it rests. */
async function follow(conversationId: string): Promise<LogEvent[]> {
  const client = createClient({ url: system.apis[0]?.url ?? "", apiKey: system.ours.apiKey });
  const events: LogEvent[] = [];
  for await (const event of client.follow({ conversationId: conversationId as never })) {
    events.push(event as LogEvent);
    if ("more" in event.data && !event.data.more) return events;
  }
  throw new Error("The stream ended before the conversation rested.");
}

test("Redis dies in mid-turn and comes back empty: what was accepted is answered, once each, and streams complete", async () => {
  const stream = gateway.stream("count through the loss");
  const begun = await readChunks(stream, 10);
  const id = begun.find(isType("task_created"))?.taskId ?? "";
  const followed = follow(id);
  expect((await gateway.message(id, { text: "waits behind" })).body).toMatchObject({ action: "queued" });

  await redis.stop();
  // While it is away messages are accepted as ever: their rows are what counts.
  const accepted = ["away one", "away two", "away three"];
  const answers = await Promise.all(
    accepted.map((text) => system.rest().call(`/v1/agents/${agent}/invoke/async`, { body: { input: { text } } })),
  );
  for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { status: "pending" } });
  await expect
    .poll(async () => (await system.rest(0, null).call("/ready")).body)
    .toMatchObject({ parts: { redis: false, postgres: true } });
  // Some text is said meanwhile, which Redis never gets.
  await sleep(300);
  await redis.start();

  const rest = await wholeStream(stream);
  const ends = rest.filter(isType("task_finished")).map(({ data }) => [at(data, "input", "text"), at(data, "status"), at(data, "result")]);
  expect(ends).toEqual([
    ["count through the loss", "completed", tokenText(TOKENS)],
    ["waits behind", "completed", tokenText(5)],
  ]);
  for (const { body } of answers) {
    await expect
      .poll(async () => (await gateway.task(String(at(body, "id")))).body, { timeout: 30_000, interval: 200 })
      .toMatchObject({ status: "completed", result: tokenText(5) });
  }
  expect(["count through the loss", "waits behind", ...accepted].map(asked)).toEqual([1, 1, 1, 1, 1]);

  const events = await followed;
  let state = NO_TEXT;
  for (const event of events) {
    state = foldText(state, event);
    expect(tokenText(TOKENS).startsWith(state.open[id]?.text ?? "")).toBe(true);
  }
  expect(events.filter(({ type }) => type === "turn.completed")).toHaveLength(2);
  // What Redis forgot came back whole.
  expect(events.some(({ type }) => type === "turn.snapshot")).toBe(true);
  await expect.poll(async () => (await system.rest(0, null).call("/ready")).status).toBe(200);
});

test("after the loss all is as before: turns stream token by token", async () => {
  const seen = await wholeStream(gateway.stream("count again"));
  expect(seen.filter(isType("chunk")).length).toBeGreaterThan(10);
  expect(seen.find(isType("task_finished"))?.data).toMatchObject({ status: "completed", result: tokenText(TOKENS) });
});
