import { randomUUID } from "node:crypto";
import { type Client, createClient, type LogEvent, refusalOf, type StreamItem } from "@parley/client";
import { afterEach, describe, expect, test, vi } from "vitest";
import { startTcpProxy } from "./testing/tcp-proxy.ts";
import { startTestApi } from "./testing/test-api.ts";
import { testCaller } from "./testing/test-gateway.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const agentId = randomUUID();
const WORDS = Array.from({ length: 40 }, (_, index) => `w${index} `);

async function setUp(transport: "sse" | "websocket", options: { apiKey?: () => string } = {}) {
  const api = await startTestApi();
  const proxy = await startTcpProxy(api.url);
  const states: string[] = [];
  const client = createClient({
    url: proxy.url,
    apiKey: options.apiKey ?? api.key,
    transport,
    onConnectionState: ({ state }) => states.push(state),
  });
  closing.push(api.close, proxy.close, client.close);
  return { api, proxy, client, states };
}

/** Reads until the turn is complete. */
async function readTurn(client: Client, conversationId: string, onEvent: (event: LogEvent, index: number) => void): Promise<LogEvent[]> {
  const events: LogEvent[] = [];
  for await (const event of client.follow({ conversationId })) {
    events.push(event);
    onEvent(event, events.length);
    if (event.type === "turn.completed") break;
  }
  return events;
}

const textOf = (items: (LogEvent | StreamItem)[]): string =>
  items.map((item) => (item.type === "turn.delta" ? item.data.text : "")).join("");
const cursorsOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `1-${index + 1}`);
const refusal = (promise: Promise<unknown>) => promise.then(() => null, refusalOf);

describe.each(["sse", "websocket"] as const)("over %s", (transport) => {
  test("a message is submitted, and its conversation followed from the start to the answer", async () => {
    const { api, client } = await setUp(transport);
    const submitted = await client.turn.submit.mutate({ agentId, text: "Tell me a joke." });
    api.gateway.answer(submitted.conversationId, WORDS);
    const events = await readTurn(client, submitted.conversationId, () => {});
    expect(events.map(({ cursor }) => cursor)).toEqual(cursorsOf(43));
    expect(textOf(events)).toBe(WORDS.join(""));
  });

  test("ask yields what became of the message, then its events, and ends with its turn", async () => {
    const { api, client } = await setUp(transport);
    const items: StreamItem[] = [];
    for await (const item of client.ask({ agentId, text: "Tell me a joke." })) {
      items.push(item);
      if (item.type === "turn.started") api.gateway.answer(item.executionId, WORDS);
    }
    expect(items[0]).toMatchObject({ type: "submitted", data: { action: "started" } });
    expect(items.at(-1)?.type).toBe("turn.completed");
    expect(textOf(items)).toBe(WORDS.join(""));
    await vi.waitFor(() => expect(api.gateway.followers()).toBe(0), { timeout: 10_000 });
  });

  test("a connection cut again and again loses no event and repeats none", async () => {
    const { api, proxy, client, states } = await setUp(transport);
    const { conversationId, turnId } = await client.turn.submit.mutate({ agentId, text: "Count." });
    let said = 0;
    const sayNext = () => {
      const text = WORDS[said];
      if (text === undefined) return api.gateway.answer(conversationId, []);
      said++;
      const data = { step: 0, offset: 0, text };
      api.gateway.append(conversationId, { type: "turn.delta", executionId: conversationId, turnId, data });
    };
    const events = await readTurn(client, conversationId, (_event, index) => {
      if (index % 12 === 0) proxy.cut();
      // The first two events are there from the start; each one read lets one more be said.
      if (index > 1) sayNext();
    });
    expect(events.map(({ cursor }) => cursor)).toEqual(cursorsOf(43));
    expect(textOf(events)).toBe(WORDS.join(""));
    expect(states.filter((state) => state === "connecting").length).toBeGreaterThanOrEqual(3);
  });

  test("ask that is cut goes on after what it saw, and its message runs once", async () => {
    const { api, proxy, client } = await setUp(transport);
    const items: StreamItem[] = [];
    for await (const item of client.ask({ agentId, text: "Tell me a joke." })) {
      items.push(item);
      if (item.type === "submitted") proxy.cut();
      if (item.type === "turn.started") {
        proxy.cut();
        api.gateway.answer(item.executionId, WORDS);
      }
    }
    const [first, ...events] = items;
    expect(first?.type).toBe("submitted");
    expect(events.map(({ cursor }) => cursor)).toEqual(cursorsOf(43));
    const { total } = await client.execution.list.query();
    expect(total).toBe(1);
  });

  test("a process that shuts down hands its followers over to another one", async () => {
    const { api, proxy, client } = await setUp(transport);
    const { conversationId } = await client.turn.submit.mutate({ agentId, text: "Wait." });
    const other = await startTestApi({ gateway: api.gateway });
    closing.push(other.close);
    const events = await readTurn(client, conversationId, (_event, index) => {
      if (index !== 2) return;
      proxy.target = other.url;
      void api.close().then(() => api.gateway.answer(conversationId, WORDS));
    });
    expect(events.map(({ cursor }) => cursor)).toEqual(cursorsOf(43));
  });

  test("a stream whose key was rotated goes on with the new key", async () => {
    let apiKey = "old-key";
    const given = new Set<string>();
    const giveKey = () => {
      given.add(apiKey);
      return apiKey;
    };
    const { api, client } = await setUp(transport, { apiKey: giveKey });
    api.gateway.callers.set("old-key", testCaller());
    const { conversationId } = await client.turn.submit.mutate({ agentId, text: "Wait." });
    const events = await readTurn(client, conversationId, (_event, index) => {
      if (index !== 2) return;
      apiKey = "new-key";
      api.gateway.callers.set("new-key", testCaller());
      api.gateway.callers.delete("old-key");
      void vi.waitFor(() => expect(given).toContain("new-key")).then(() => api.gateway.answer(conversationId, WORDS));
    });
    expect(events.map(({ cursor }) => cursor)).toEqual(cursorsOf(43));
  });

  test("a stream whose key was revoked ends with a typed refusal", async () => {
    const { api, client } = await setUp(transport);
    const { conversationId } = await client.turn.submit.mutate({ agentId, text: "Wait." });
    const reading = readTurn(client, conversationId, (_event, index) => {
      if (index === 2) api.gateway.callers.delete(api.key);
    });
    expect(await refusal(reading)).toMatchObject({ code: "unauthenticated", retry: false });
    await vi.waitFor(() => expect(api.connections.open).toBe(transport === "sse" ? 0 : 1), { timeout: 10_000 });
  });

  test("a client that leaves is followed no longer, and the turn goes on", async () => {
    const { api, client } = await setUp(transport);
    const { conversationId } = await client.turn.submit.mutate({ agentId, text: "Wait." });
    const stop = new AbortController();
    for await (const event of client.follow({ conversationId }, { signal: stop.signal })) if (event.type === "turn.started") stop.abort();
    await vi.waitFor(() => expect(api.gateway.followers()).toBe(0), { timeout: 10_000 });
    expect(await client.conversation.runState.query({ conversationId })).toMatchObject({ state: "running" });
  });

  test("refusals say their code, whether to try again, and which fields are wrong", async () => {
    const { api, client } = await setUp(transport);
    const conversationId = randomUUID();
    expect(await refusal(client.conversation.get.query({ conversationId }))).toMatchObject({
      code: "not_found",
      httpStatus: 404,
      retry: false,
    });
    expect(await refusal(client.turn.submit.mutate({ agentId, text: "", files: ["no url"] }))).toMatchObject({
      code: "invalid_input",
      issues: [{ path: ["files", 0] }],
    });
    expect(await refusal(readTurn(client, conversationId, () => {}))).toMatchObject({ code: "not_found" });
    const { cursor, ...submitted } = await client.turn.submit.mutate({ agentId, text: "Hi." });
    expect(cursor).toBe("0-0");
    const future = client.follow({ conversationId: submitted.conversationId, after: "7-1" }).next();
    expect(await refusal(future)).toMatchObject({ code: "invalid_cursor", httpStatus: 400 });
    api.gateway.failure = new Error("select secret from nowhere");
    const failed = await refusal(client.conversation.runState.query({ conversationId }));
    expect(failed).toMatchObject({ code: "internal", retry: true, message: "Something went wrong on our side." });
    const logged = api.log.lines.find(({ fields }) => fields.logId === failed?.logId);
    expect(logged?.fields.error).toBe(api.gateway.failure);
  });

  test("without a key, or without the scope, nothing is done", async () => {
    const { api } = await setUp(transport);
    api.gateway.callers.set("reader", testCaller({ scopes: new Set(["conversations:read"]) }));
    const clientWith = (apiKey: string) => {
      const client = createClient({ url: api.url, apiKey, transport });
      closing.push(client.close);
      return client;
    };
    expect(await refusal(clientWith("wrong").system.whoami.query())).toMatchObject({ code: "unauthenticated", httpStatus: 401 });
    expect(await refusal(clientWith("wrong").ask({ agentId, text: "Hi." }).next())).toMatchObject({ code: "unauthenticated" });
    const reader = clientWith("reader");
    expect(await refusal(reader.turn.submit.mutate({ agentId, text: "Hi." }))).toMatchObject({ code: "missing_scope", httpStatus: 403 });
    expect(await refusal(reader.ask({ agentId, text: "Hi." }).next())).toMatchObject({ code: "missing_scope" });
    expect(await reader.system.whoami.query()).toEqual({
      organizationId: "o-1",
      principalId: "key-1",
      scopes: ["conversations:read"],
      agentIds: null,
    });
    expect(await clientWith("").system.health.query()).toEqual({ status: "ok" });
    expect(await reader.execution.list.query()).toMatchObject({ total: 0 });
  });
});
