import { type EventOf, foldText, isDurable, type LogEvent, NO_TEXT } from "@parley/contracts";
import { type System, startSystem, tokenText } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRpc, type RpcClient, type RpcFrame } from "./support/rpc-client.ts";

const ANSWER = tokenText(120);

let system: System;
let agentId: string;
const clients: RpcClient[] = [];
beforeAll(async () => {
  system = await startSystem({ apis: 2, env: { LIMIT_SUBSCRIPTIONS_PER_SOCKET_MAX: "2", LIMIT_SOCKET_BUFFER_BYTES_MAX: "65536" } });
  agentId = await system.ours.newAgent();
  system.model.when(({ lastUserText }) => lastUserText === "long", { text: ANSWER.split(/(?= )/), delayMs: 15 });
  system.model.otherwise({ text: ["Hello ", "there"] });
});
afterAll(async () => {
  for (const client of clients) client.cut();
  await system?.close();
});

async function connect(api = 0, apiKey = system.ours.apiKey): Promise<RpcClient> {
  const client = await openRpc(system.apis[api]?.url ?? "", apiKey);
  clients.push(client);
  return client;
}

type Told = LogEvent & { conversationId: string; requestId?: unknown; delta?: string };
const eventsOf = (client: RpcClient, conversationId: unknown): Told[] =>
  client.heard.flatMap(({ method, params }) =>
    method === "agent.event" && params?.conversationId === conversationId ? [params as unknown as Told] : [],
  );
const isEnd = ({ params }: RpcFrame): boolean => params?.type === "turn.completed";
const durable = (events: Told[]) =>
  events.filter(({ type }) => isDurable(type) && type !== "turn.snapshot").map(({ cursor, type }) => `${cursor} ${type}`);
/** The whole log, as one who follows from its beginning is told it. */
async function wholeLog(conversationId: unknown): Promise<string[]> {
  const reader = await connect(1);
  await reader.result("conversation.follow", { conversationId });
  await reader.hear(isEnd);
  return durable(eventsOf(reader, conversationId));
}

describe("agent.stream", () => {
  test("tells what becomes of its message, each piece of the answer, and then answers like agent.execute", async () => {
    const client = await connect();
    const answer = await client.result("agent.stream", { agentId, message: "long" });
    const events = eventsOf(client, answer.conversationId);
    expect(events[0]).toMatchObject({ type: "submitted", data: { action: "started", messageId: answer.messageId } });
    expect(events.map(({ delta = "" }) => delta).join("")).toBe(ANSWER);
    expect(answer).toMatchObject({ response: ANSWER, status: "completed", cursor: events.at(-1)?.cursor });
    expect(durable(events.slice(1))).toEqual(await wholeLog(answer.conversationId));
    // Two at a time on one socket can be told apart before either is answered.
    const ids = new Set(events.map(({ requestId }) => requestId));
    expect([...ids]).toEqual([1]);
  });
});

describe("conversation.follow", () => {
  test("goes on behind its cursor on another replica after each of many cuts, and misses nothing", async () => {
    const starter = await connect();
    const { conversationId } = await starter.result("session.spawn", { agent: agentId, task: "long", async: true });
    const told: Told[] = [];
    let after: string | undefined;
    for (let cut = 0; ; cut++) {
      const client = await connect(cut % 2);
      await client.result("conversation.follow", { conversationId, ...(after !== undefined && { after }) });
      await client.hear(({ params }) => isEnd({ params } as RpcFrame) || (cut < 8 && eventsOf(client, conversationId).length > 6));
      const events = eventsOf(client, conversationId);
      client.cut();
      told.push(...events);
      after = events.at(-1)?.cursor ?? after;
      if (events.some(({ type }) => type === "turn.completed")) break;
    }
    expect(durable(told)).toEqual(await wholeLog(conversationId));
    expect(new Set(told.map(({ cursor }) => cursor)).size).toBe(told.length);
    expect(told.reduce(foldText, NO_TEXT).answer).toBe(ANSWER);
    const end = told.at(-1) as EventOf<"turn.completed">;
    expect(end.data.result).toBe(ANSWER);
  });

  test("goes on through all turns, until unfollow", async () => {
    const client = await connect();
    const { conversationId } = await client.result("agent.execute", { agentId, message: "Hi" });
    expect(await client.result("conversation.follow", { conversationId })).toMatchObject({ conversationId, status: "completed" });
    await client.result("agent.execute", { conversationId, message: "again" });
    await expect.poll(() => eventsOf(client, conversationId).filter(({ type }) => type === "turn.completed").length).toBe(2);
    expect(await client.result("conversation.unfollow", { conversationId })).toEqual({ conversationId, unfollowed: true });
    expect(await client.result("conversation.unfollow", { conversationId })).toEqual({ conversationId, unfollowed: false });
    const before = client.heard.length;
    await client.result("agent.execute", { conversationId, message: "once more" });
    await client.result("system.ping");
    expect(client.heard.length).toBe(before);
  });

  test("of the same conversation again takes the first one's place, and is counted once", async () => {
    const client = await connect();
    const { conversationId } = await client.result("agent.execute", { agentId, message: "Hi" });
    for (let time = 0; time < 5; time++) await client.result("conversation.follow", { conversationId });
    await client.hear(isEnd);
    const before = eventsOf(client, conversationId).length;
    await client.result("agent.execute", { conversationId, message: "again" });
    await expect
      .poll(() =>
        eventsOf(client, conversationId)
          .slice(before)
          .some(({ type }) => type === "turn.completed"),
      )
      .toBe(true);
    const fresh = eventsOf(client, conversationId).slice(before);
    expect(new Set(fresh.map(({ cursor }) => cursor)).size).toBe(fresh.length);
  });

  test("of more than a socket may is refused, and one that ends makes room", async () => {
    const client = await connect();
    const ids: unknown[] = [];
    for (let count = 0; count < 3; count++) ids.push((await client.result("agent.execute", { agentId, message: "Hi" })).conversationId);
    for (const conversationId of ids.slice(0, 2)) await client.result("conversation.follow", { conversationId });
    const { error } = await client.call("conversation.follow", { conversationId: ids[2] });
    expect(error).toMatchObject({ code: -32000, data: { code: "too_many_streams", httpStatus: 429, retry: true } });
    await client.result("conversation.unfollow", { conversationId: ids[0] });
    await expect.poll(async () => (await client.call("conversation.follow", { conversationId: ids[2] })).error).toBeUndefined();
  });

  test.each([
    ["that is none", "nonsense", "invalid_cursor"],
    ["of nobody's", "99999999999-1", "invalid_cursor"],
  ])("with a cursor %s is refused, and nothing is followed", async (_name, after, code) => {
    const client = await connect();
    const { conversationId } = await client.result("agent.execute", { agentId, message: "Hi" });
    expect((await client.call("conversation.follow", { conversationId, after })).error).toMatchObject({ code: -32602, data: { code } });
    expect(await client.result("conversation.unfollow", { conversationId })).toMatchObject({ unfollowed: false });
  });
});

describe("a socket", () => {
  test("whose client takes nothing is cut, and the process goes on", async () => {
    const client = await connect();
    const attached = async () => {
      const { text } = await system.rest(0, null).call("/metrics");
      return Number(/parley_attached_streams\{door="rpc"\} (\d+)/.exec(text)?.[1]);
    };
    const { conversationId } = await client.result("agent.execute", { agentId, message: `big ${"x".repeat(200_000)}` });
    for (const other of clients.slice(0, -1)) other.cut();
    await client.result("conversation.follow", { conversationId });
    await expect.poll(attached).toBe(1);
    client.pause();
    const asked = Array.from({ length: 60 }, () => client.call("session.history", { session_key: conversationId }).catch(() => "cut"));
    await expect.poll(attached, { timeout: 20_000 }).toBe(0);
    client.resume();
    expect(await client.closed).toMatchObject({ code: 1006 });
    expect(await Promise.all(asked)).toContain("cut");
    expect(await (await connect()).result("system.ping")).toMatchObject({ pong: true });
  });

  test("is closed with 1001 when its process stops, behind the answers that it still owes", async () => {
    const api = system.apis[1];
    const client = await connect(1);
    const waiting = client.call("agent.execute", { agentId, message: "long", idempotencyKey: "stop-1" });
    const following = await client.result("agent.execute", { agentId, message: "Hi" });
    await client.result("conversation.follow", { conversationId: following.conversationId });
    await expect.poll(async () => JSON.stringify(await client.result("session.list", { limit: 2 })).includes("executing")).toBe(true);
    const exited = api?.kill("SIGTERM");
    expect((await waiting).error).toMatchObject({ code: -32603, data: { code: "stream_ended", retry: true } });
    expect(await client.closed).toEqual({ code: 1001, reason: "Server shutting down" });
    expect(await exited).toEqual({ code: 0, signal: null });
    // The turn went on, and the same call finds it on the other replica.
    const again = await (await connect(0)).result("agent.execute", { agentId, message: "long", idempotencyKey: "stop-1" });
    expect(again).toMatchObject({ response: ANSWER, status: "completed", replayed: true });
  });
});
