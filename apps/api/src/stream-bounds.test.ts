import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createClient, refusalOf } from "@parley/client";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function setUp(bounds: Parameters<typeof startTestApi>[0]) {
  const api = await startTestApi(bounds);
  closing.push(api.close);
  return { api, conversationId: await startConversation(api) };
}

async function startConversation(api: TestApi): Promise<string> {
  const client = createClient({ url: api.url, apiKey: api.key });
  return (await client.turn.submit.mutate({ agentId: randomUUID(), text: "Wait." })).conversationId;
}

function connect(api: TestApi, headers: Record<string, string> = { "x-api-key": api.key }, query = ""): WebSocket {
  const socket = new WebSocket(`${api.url.replace("http", "ws")}/trpc${query}`, { headers });
  socket.on("error", () => {});
  closing.push(() => socket.terminate());
  return socket;
}

/** Asks for as many as `ids` has and counts the answers: those that began, and the codes of the refused. */
async function ask(socket: WebSocket, ids: number[], call: { method: string; path: string; input: object }) {
  if (socket.readyState !== WebSocket.OPEN) await once(socket, "open");
  const began = new Set<number>();
  const refused: string[] = [];
  socket.on("message", (data) => {
    const { id, result, error } = JSON.parse(String(data));
    if (result?.type === "started") began.add(id);
    if (error) refused.push(error.data.code);
  });
  const { method, path, input } = call;
  for (const id of ids) socket.send(JSON.stringify({ id, method, params: { path, input } }));
  return { began, refused };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const follow = (conversationId: string) => ({ method: "subscription", path: "turn.follow", input: { conversationId } });

test("a socket that asks for subscriptions without end gets its bound, each other a typed refusal, and goes on", async () => {
  const { api, conversationId } = await setUp({ limits: { subscriptionsPerSocketMax: 5 } });
  const socket = connect(api);
  const { began, refused } = await ask(socket, upTo(500), follow(conversationId));
  await vi.waitFor(() => expect([began.size, refused.length]).toEqual([5, 495]), { timeout: 10_000 });
  expect(new Set(refused)).toEqual(new Set(["too_many_streams"]));
  expect(api.gateway.followers()).toBe(5);
  expect(api.open.websocket).toBe(5);
  const [id] = began;
  socket.send(JSON.stringify({ id, method: "subscription.stop" }));
  await vi.waitFor(() => expect(api.open.websocket).toBe(4), { timeout: 10_000 });
  const again = await ask(socket, [1_000], follow(conversationId));
  await vi.waitFor(() => expect(again.began.size).toBe(1), { timeout: 10_000 });
  socket.terminate();
  await vi.waitFor(() => expect([api.open.websocket, api.gateway.followers()]).toEqual([0, 0]), { timeout: 10_000 });
});

test("waiting for turns on a socket counts like following them", async () => {
  const { api, conversationId } = await setUp({ limits: { subscriptionsPerSocketMax: 5 } });
  const input = { conversationId, turnId: randomUUID() };
  const { refused } = await ask(connect(api), upTo(50), { method: "query", path: "turn.await", input });
  await vi.waitFor(() => expect([refused.length, api.open.websocket]).toEqual([45, 5]), { timeout: 10_000 });
  api.gateway.answer(conversationId, ["Done."]);
  await vi.waitFor(() => expect(api.open.websocket).toBe(0), { timeout: 10_000 });
});

test("a caller's streams are bounded over all doors together; one that ends makes room", async () => {
  const { api, conversationId } = await setUp({ limits: { streamsPerCallerMax: 3 } });
  const leaving = new AbortController();
  const headers = { "x-api-key": api.key };
  const { agentId } = await createClient({ url: api.url, apiKey: api.key }).conversation.runState.query({ conversationId });
  const events = `${api.url}/v1/agents/${agentId}/conversations/${conversationId}/events`;
  const input = encodeURIComponent(JSON.stringify({ conversationId }));
  const subscribe = () => fetch(`${api.url}/trpc/turn.follow?input=${input}`, { headers, signal: leaving.signal });

  const socket = connect(api);
  const { began } = await ask(socket, [1], follow(conversationId));
  await vi.waitFor(() => expect(began.size).toBe(1), { timeout: 10_000 });
  await fetch(events, { headers, signal: leaving.signal });
  await subscribe();
  await vi.waitFor(() => expect(api.open).toEqual({ rest: 1, trpc: 1, websocket: 1 }), { timeout: 10_000 });

  const plain = await fetch(events, { headers });
  expect([plain.status, await plain.json()]).toEqual([429, { detail: "Too many streams are open with this credential." }]);
  expect(await (await subscribe()).text()).toContain('"code":"too_many_streams","httpStatus":429,"retry":true');
  const { refused } = await ask(socket, [2], follow(conversationId));
  await vi.waitFor(() => expect(refused).toEqual(["too_many_streams"]), { timeout: 10_000 });

  const unknown = await fetch(events.replace(conversationId, randomUUID()), { headers });
  expect(unknown.status).toBe(429);
  leaving.abort();
  await vi.waitFor(() => expect(api.open).toEqual({ rest: 0, trpc: 0, websocket: 1 }), { timeout: 10_000 });
  expect((await fetch(events.replace(conversationId, randomUUID()), { headers })).status).toBe(404);
  await vi.waitFor(() => expect(api.open).toEqual({ rest: 0, trpc: 0, websocket: 1 }), { timeout: 10_000 });
});

test("a refused invoke's stream keeps no message", async () => {
  const { api } = await setUp({ limits: { streamsPerCallerMax: 0 } });
  const client = createClient({ url: api.url, apiKey: api.key });
  const agent = await client.agent.create.mutate({ name: "A", description: "", config: { model: "local/echo" } });
  const before = await client.execution.list.query();
  const body = JSON.stringify({ input: { text: "Hello" } });
  const headers = { "x-api-key": api.key, "content-type": "application/json" };
  const answer = await fetch(`${api.url}/v1/agents/${agent.id}/invoke/stream`, { method: "POST", headers, body });
  expect(answer.status).toBe(429);
  expect(await client.execution.list.query()).toEqual(before);
});

test.each([
  ["that sends no key", {}, ""],
  ["whose first message does not come", {}, "?connectionParams=1"],
  ["with a key that is not good", { "x-api-key": "wrong" }, ""],
])("a socket %s is closed, with a code that says so", async (_name, headers, query) => {
  const { api } = await setUp({ authenticateMs: 100 });
  const socket = connect(api, headers as Record<string, string>, query);
  const [code] = await once(socket, "close");
  expect(code).toBe(4401);
  await vi.waitFor(() => expect(api.connections.open).toBe(0), { timeout: 10_000 });
});

test("a socket with a good key outlives the time it had to name it", async () => {
  const { api } = await setUp({ authenticateMs: 50 });
  const [first, late] = [connect(api), connect(api, {})];
  await once(late, "close");
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(first.readyState).toBe(WebSocket.OPEN);
});

test("a cursor that cannot be read is refused like one that was never given out", async () => {
  const { api, conversationId } = await setUp({});
  for (const transport of ["sse", "websocket"] as const) {
    const client = createClient({ url: api.url, apiKey: api.key, transport });
    closing.push(client.close);
    const refusal = await client
      .follow({ conversationId, after: "nonsense" })
      .next()
      .then(() => null, refusalOf);
    expect(refusal).toMatchObject({ code: "invalid_cursor", httpStatus: 400, issues: [{ path: ["after"] }] });
  }
});
