import { randomUUID } from "node:crypto";
import { at, type RestRequest, type System, startSystem, type Tenant } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callTrpc } from "../system/support/call-trpc.ts";
import { type EventStream, openEvents } from "./support/open-events.ts";

const ORIGIN = "https://dashboard.example";
const READS = [
  "/api/agents",
  "/api/channels",
  "/api/activity",
  "/api/memory/search?q=x",
  "/api/memory/stats",
  "/api/chat/history",
] as const;

let system: System;
let agentId: string;
let empty: Tenant;
const opened: EventStream[] = [];
beforeAll(async () => {
  system = await startSystem({ apis: 2, env: { CORS_ORIGINS: ORIGIN, LIMIT_BODY_BYTES_MAX: "131072" } });
  agentId = await system.ours.newAgent({ name: "Ours", memory: { remember: true, scopes: ["organization"] } });
  empty = await system.newTenant("empty");
});
afterAll(async () => {
  for (const stream of opened) stream.cut();
  await system.close();
});

const call = (path: string, request: RestRequest = {}, apiKey: string | null = system.ours.apiKey) =>
  system.rest(0, apiKey).call(path, request);
const chat = (body: unknown, more: RestRequest = {}) => call("/api/chat", { body, ...more });
const urlOf = (api: number): string => system.apis[api]?.url ?? "";

async function stream(path: string, { api = 0, headers, body }: { api?: number; headers?: Record<string, string>; body?: unknown } = {}) {
  const one = await openEvents(urlOf(api), system.ours.apiKey, {
    path,
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  opened.push(one);
  return one;
}

describe("health", () => {
  test("is told to everybody, with the time", async () => {
    const { status, body } = await call("/api/health", {}, null);
    expect(status).toBe(200);
    expect(body).toEqual({ status: "ok", timestamp: expect.any(String), instanceId: expect.any(String), startedAt: expect.any(String) });
    expect(new Date(String(at(body, "timestamp"))).toISOString()).toBe(at(body, "timestamp"));
  });
});

describe("without a right", () => {
  test.each(READS)("%s is refused in one sentence", async (path) => {
    const bare = await system.ours.newKey({ scopes: ["admin"] });
    for (const headers of [
      {},
      { authorization: "" },
      { authorization: "Bearer" },
      { authorization: "Basic x" },
      { authorization: "Bearer wrong" },
    ]) {
      expect(await call(path, { headers: headers as Record<string, string> }, null)).toMatchObject({
        status: 401,
        body: { error: "Unauthorized" },
      });
    }
    expect(await call(path, {}, bare)).toMatchObject({ status: 403, body: { error: "Forbidden: insufficient scope" } });
  });

  test("a chat is refused before its body is looked at", async () => {
    const request = { method: "POST", body: "x".repeat(200_000) };
    expect(await call("/api/chat", request, null)).toMatchObject({ status: 401, body: { error: "Unauthorized" } });
  });
});

describe("what is shown", () => {
  test("agents, with what stands behind them; none of another organization", async () => {
    const { body } = await call("/api/agents");
    expect(body).toEqual({ agents: [{ id: agentId, name: "Ours", provider: "custom", model: "scripted", status: "active" }] });
    expect((await call("/api/agents", {}, empty.apiKey)).body).toEqual({ agents: [] });
    const theirs = await system.newTenant("with a suspended agent");
    const suspended = await theirs.newAgent();
    await callTrpc(system.rest(0, theirs.apiKey), "mutation", "agent.suspend", { agentId: suspended });
    expect((await call("/api/agents", {}, theirs.apiKey)).body).toMatchObject({ agents: [{ id: suspended, status: "suspended" }] });
  });

  test("channels, of which there are none", async () => {
    expect(await call("/api/channels")).toMatchObject({ status: 200, body: { channels: [] } });
  });

  test("the latest activity, oldest first, as much as was asked for, within bounds", async () => {
    for (let turns = 0; turns < 3; turns += 1) await chat({ message: "Hello", agentId, sessionKey: randomUUID() });
    const list = async (query: string) => {
      const { status, body } = await call(`/api/activity${query}`);
      const entries = at(body, "entries") as { id: number; event: string; payload: unknown; timestamp: number }[];
      expect([status, at(body, "count")]).toEqual([200, entries.length]);
      return entries;
    };
    await expect.poll(async () => (await list("")).filter(({ event }) => event === "message:sent").length, { timeout: 60_000 }).toBe(3);
    const all = await list("");
    expect(all.map(({ id }) => id)).toEqual(all.map(({ id }) => id).toSorted((a, b) => a - b));
    expect(all.map(({ event }) => event)).not.toContain("observability:token_usage");
    expect(await list("?limit=2")).toEqual(all.slice(-2));
    for (const one of ["?limit=0", "?limit=-5"]) expect(await list(one)).toEqual(all.slice(-1));
    for (const most of ["?limit=999", "?limit=abc"]) expect(await list(most)).toEqual(all);
    expect((await call("/api/activity", {}, await system.ours.newKey({ scopes: ["rpc"] }))).text).not.toContain("Hello");
  });

  test("memories, best first, and how many there are", async () => {
    const words = `remember ${randomUUID()}`;
    system.model.when(
      (request) => request.lastUserText === words,
      ({ body }) =>
        body.messages?.at(-1)?.role === "tool"
          ? { text: ["noted"] }
          : { toolCalls: [{ name: "remember", arguments: { text: "The harbour closes at nine." } }] },
    );
    await chat({ message: words, agentId, sessionKey: randomUUID() });
    const { body } = await call("/api/memory/search?q=harbour&limit=5");
    expect(at(body, "results", 0)).toMatchObject({
      content: "The harbour closes at nine.",
      memoryType: "organization",
      trustLevel: "learned",
      score: 1,
      createdAt: expect.any(Number),
    });
    expect((await call("/api/memory/stats")).body).toMatchObject({ stats: { totalEntries: 1, byAgent: { [agentId]: 1 } } });
    expect(await call("/api/memory/search")).toMatchObject({ status: 400, body: { error: "Missing required query parameter: q" } });
    expect((await call("/api/memory/search?q=harbour", {}, empty.apiKey)).body).toEqual({ results: [] });
  });
});

describe("a chat", () => {
  test.each([
    ["of another type", "Hello", { "content-type": "text/plain" }, 415, "Content-Type must be application/json"],
    ["without a body", "", { "content-type": "text/plain" }, 415, "Content-Type must be application/json"],
    ["that is no JSON", "{", {}, 400, "Invalid JSON body"],
    ["that is empty", "", {}, 400, "Invalid JSON body"],
    ["without a message", "{}", {}, 400, "Missing required field: message (string)"],
    ["with an empty message", '{"message":""}', {}, 400, "Missing required field: message (string)"],
    ["whose message is a number", '{"message":1}', {}, 400, "Missing required field: message (string)"],
    ["to an agent that is not there", '{"message":"x","agentId":"nobody"}', {}, 400, "Unknown agent: nobody"],
    ["that is too large", JSON.stringify({ message: "x".repeat(200_000) }), {}, 413, "Request body too large"],
  ])("%s is refused", async (_what, body, headers: Record<string, string>, status, error) => {
    expect(await chat(body, { headers })).toMatchObject({ status, body: { error } });
  });

  test("of 64 KB is answered, with what it used, by the agent that is named or the oldest", async () => {
    const { status, body } = await chat({ message: "x".repeat(65_536), other: true });
    expect(status).toBe(200);
    expect(body).toMatchObject({ response: "t0 t1 t2 t3 t4", finishReason: "stop", sessionKey: "gateway" });
    expect(at(body, "tokensUsed", "total")).toBe(Number(at(body, "tokensUsed", "input")) + Number(at(body, "tokensUsed", "output")));
  });

  test("goes on under its name, each name apart from others, and is shown as it was said", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const first = (await chat({ message: "first", agentId, sessionKey: `a:${one}` })).body;
    const second = (await chat({ message: "second", agentId, sessionKey: `a:${one}` })).body;
    const apart = (await chat({ message: "apart", agentId, sessionKey: `a:${other}` })).body;
    expect(at(second, "conversationId")).toBe(at(first, "conversationId"));
    expect(at(apart, "conversationId")).not.toBe(at(first, "conversationId"));
    const history = (await call(`/api/chat/history?channelId=a:${one}&agentId=${agentId}`)).body as { messages: Record<string, unknown>[] };
    expect(history.messages.map(({ role, content }) => [role, content])).toEqual([
      ["user", "first"],
      ["assistant", at(first, "response")],
      ["user", "second"],
      ["assistant", at(second, "response")],
    ]);
    expect(history.messages[0]).toMatchObject({ timestamp: expect.any(Number) });
    const byId = (await call(`/api/chat/history?channelId=${at(first, "conversationId")}`)).body;
    expect(byId).toEqual(history);
    const nobodys = (await call(`/api/chat/history?channelId=${randomUUID()}`)).body;
    expect(nobodys).toEqual({ messages: [], conversationId: null });
    const theirs = await empty.newAgent();
    const path = `/api/chat/history?channelId=${at(first, "conversationId")}&agentId=${theirs}`;
    expect((await call(path, {}, empty.apiKey)).body).toEqual({ messages: [], conversationId: null });
  });

  test("does what a slash command says without asking a model; others are said to the agent", async () => {
    const sessionKey = randomUUID();
    const say = async (message: string) =>
      (await chat({ message, agentId, sessionKey })).body as { response: string; finishReason: string };
    const nothing = { finishReason: "command", tokensUsed: { input: 0, output: 0, total: 0 }, response: "There is no conversation yet." };
    for (const word of ["/status", "/usage", "/stop", "/compact", "/export"]) expect(await say(word)).toMatchObject(nothing);
    const first = await say("Hello");
    const asked = system.model.journal.length;
    expect((await say("/status")).response).toMatch(/^Ours on custom\/scripted\. .* is idle: 2 messages/);
    expect((await say("/usage")).response).toMatch(/^\d+ tokens/);
    expect((await say("/export")).response).toContain("Hello");
    expect((await say("/stop")).response).toBe("Nothing was running.");
    expect((await say("/compact")).finishReason).toBe("command");
    expect((await say(" /NEW ")).finishReason).toBe("command");
    expect(await say("/status")).toMatchObject(nothing);
    expect(system.model.journal).toHaveLength(asked);
    const second = await say("Hello again");
    expect(at(second, "conversationId")).not.toBe(at(first, "conversationId"));
    expect(await say("/think hard")).toMatchObject({ finishReason: "stop" });
    expect(system.model.journal).toHaveLength(asked + 2);
  });

  test("that is left goes on", async () => {
    const [words, sessionKey] = [randomUUID(), randomUUID()];
    system.model.when((request) => request.lastUserText === words, { text: ["the ", "end"], delayMs: 300 });
    const leaving = new AbortController();
    const left = chat({ message: words, agentId, sessionKey }, { signal: leaving.signal }).catch(() => "left");
    await expect
      .poll(() => system.model.journal.some(({ body }) => body.messages?.at(-1)?.content === words), { timeout: 10_000 })
      .toBe(true);
    leaving.abort();
    expect(await left).toBe("left");
    const path = `/api/chat/history?channelId=${sessionKey}&agentId=${agentId}`;
    await expect.poll(async () => at((await call(path)).body, "messages", 1, "content"), { timeout: 10_000 }).toBe("the end");
  });
});

describe("a chat's stream", () => {
  test.each(["GET", "POST"])("by %s tells pieces, then the whole", async (method) => {
    const message = `say ${randomUUID()}`;
    system.model.when((request) => request.lastUserText === message, { text: ["one ", "two ", "three"] });
    const query = new URLSearchParams({ message, agentId });
    const one =
      method === "GET" ? await stream(`/api/chat/stream?${query}`) : await stream("/api/chat/stream", { body: { message, agentId } });
    expect(one.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const done = await one.hear("done");
    await one.ended;
    expect(done).toMatchObject({ response: "one two three", finishReason: "stop", sessionKey: "gateway" });
    const tokens = one.frames
      .filter(({ event }) => event === "token")
      .map(({ data }) => JSON.parse(data) as { delta: string; accumulated: string });
    expect(tokens.map(({ delta }) => delta).join("")).toBe("one two three");
    expect(tokens.at(-1)?.accumulated).toBe("one two three");
    expect(one.frames[0]?.event).toBe("accepted");
  });

  test("goes on at another replica after what was seen last, and begins no other turn", async () => {
    const message = `resume ${randomUUID()}`;
    system.model.when((request) => request.lastUserText === message, { text: ["one ", "two ", "three"] });
    const path = `/api/chat/stream?${new URLSearchParams({ message, agentId, sessionKey: randomUUID() })}`;
    const first = await stream(path);
    await first.hear("done");
    const asked = system.model.journal.length;
    const [accepted] = first.frames;
    const again = await stream(path, { api: 1, headers: { "last-event-id": accepted?.id ?? "" } });
    expect(await again.hear("done")).toMatchObject({ response: "one two three" });
    expect(again.frames.map(({ event }) => event)).not.toContain("accepted");
    const told = again.frames.filter(({ event }) => event === "token").at(-1);
    expect(at(JSON.parse(told?.data ?? "{}"), "accumulated")).toBe("one two three");
    const rest = await stream(path, {
      api: 1,
      headers: { "last-event-id": first.frames.findLast(({ event }) => event === "token")?.id ?? "" },
    });
    await rest.hear("done");
    expect(rest.frames.filter(({ event }) => event === "token")).toEqual([]);
    expect(system.model.journal).toHaveLength(asked);
    expect((await stream(path, { headers: { "last-event-id": "what" } })).status).toBe(400);
    const theirs = await openEvents(urlOf(0), empty.apiKey, { path, headers: { "last-event-id": accepted?.id ?? "" } });
    expect(theirs.status).toBe(404);
  });

  test("of a turn that fails ends with an error that tells nothing of the inside", async () => {
    const away = await system.ours.newAgent({ model: "custom/away" });
    system.model.when(({ body }) => body.model === "away", { status: 400, error: { error: { message: "inner words" } } });
    const one = await stream(`/api/chat/stream?${new URLSearchParams({ message: "x", agentId: away })}`);
    expect(one.status).toBe(200);
    expect(await one.hear("error")).toMatchObject({ error: "Internal error" });
    expect(JSON.stringify(one.frames)).not.toContain("inner words");
  });

  test("without a message is refused, and so is one without a credential", async () => {
    expect(await call("/api/chat/stream")).toMatchObject({ status: 400, body: { error: "Missing required query parameter: message" } });
    expect(await call("/api/chat/stream?message=x", {}, null)).toMatchObject({ status: 401, body: { error: "Unauthorized" } });
    expect(await call("/api/chat/stream", { body: {} })).toMatchObject({
      status: 400,
      body: { error: "Missing required field: message (string)" },
    });
  });
});

describe("pages of listed origins", () => {
  test("have their preflight answered before anything is asked of them, and may read answers", async () => {
    const asks = { origin: ORIGIN, "access-control-request-method": "POST", "access-control-request-headers": "authorization" };
    const preflight = await call("/api/chat", { method: "OPTIONS", headers: asks }, null);
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, ORIGIN]);
    expect(preflight.headers.get("access-control-max-age")).toBe("3600");
    const read = await call("/api/agents", { headers: { origin: ORIGIN } });
    expect([read.status, read.headers.get("access-control-allow-origin")]).toEqual([200, ORIGIN]);
    const other = await call("/api/agents", { headers: { origin: "https://elsewhere.example" } });
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("what is not there is JSON, whatever the method", async () => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const { status, body } = await call("/api/nothing", { method });
      expect([status, body]).toEqual([404, { error: "Not found" }]);
    }
    expect(await call("/api/agents", { method: "DELETE" })).toMatchObject({ status: 405, body: { error: expect.any(String) } });
  });
});
