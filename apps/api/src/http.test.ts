import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { LIMITS } from "@parley/contracts";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const agentId = randomUUID();
const send = (path: string, init: RequestInit & { headers?: Record<string, string> } = {}) =>
  fetch(`${api.url}${path}`, { ...init, headers: { "x-api-key": api.key, ...init.headers } });
const post = (path: string, body: NonNullable<RequestInit["body"]>, headers: Record<string, string> = {}) =>
  send(path, { method: "POST", body, headers: { "content-type": "application/json", ...headers } });
const submit = (body: NonNullable<RequestInit["body"]>, headers?: Record<string, string>) => post("/trpc/turn.submit", body, headers);

async function codeOf(response: Response): Promise<[number, string]> {
  const { error } = (await response.json()) as { error: { data?: { code: string }; code: string } };
  return [response.status, error.data?.code ?? error.code];
}

/** Sends text as it is and gives what comes back until the connection ends. */
const sendRaw = (text: string, { end = false } = {}): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(api.url);
    let answer = "";
    const socket = connect(Number(port), hostname, () => (end ? socket.end(text) : socket.write(text)));
    socket.on("data", (bytes) => {
      answer += String(bytes);
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
  });

describe("every answer", () => {
  test.each(["/health", "/nothing", "/trpc/nothing", "/v1/agents/nothing", "/admin/api-keys", "/metrics"])(
    "of %s has a request id",
    async (path) => {
      const response = await send(path);
      expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect(response.headers.get("x-powered-by")).toBeNull();
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      await response.text();
    },
  );

  test("bears the caller's own request id where it is a plain word, and a new one otherwise", async () => {
    const own = await send("/health", { headers: { "x-request-id": "order-7" } });
    expect(own.headers.get("x-request-id")).toBe("order-7");
    const odd = await send("/health", { headers: { "x-request-id": "a b\tc" } });
    expect(odd.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("is counted under its registered route, however odd its path", async () => {
    api.requests.length = 0;
    const id = randomUUID();
    await send(`/v1/tasks/${id}`);
    await send(`/odd/${id}`);
    await send("/trpc/turn.submit", { method: "POST" });
    await vi.waitFor(() => expect(api.requests).toHaveLength(3), { timeout: 10_000 });
    expect(api.requests.map(({ route, status }) => [route, status])).toEqual([
      ["/v1/tasks/:taskId", 404],
      ["unmatched", 404],
      ["/trpc/turn.submit", 422],
    ]);
  });
});

describe("operations", () => {
  test("health needs no key and no database", async () => {
    for (const path of ["/health", "/healthz"]) {
      const response = await fetch(api.url + path);
      expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
    }
  });

  test("ready says which part is missing", async () => {
    const ready = await fetch(`${api.url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([200, { status: "ready", parts: { postgres: true, redis: true, accepting: true } }]);
    api.gateway.ready = { postgres: true, redis: false };
    const missing = await fetch(`${api.url}/ready`);
    expect([missing.status, await missing.json()]).toEqual([
      503,
      { status: "not_ready", parts: { postgres: true, redis: false, accepting: true } },
    ]);
    api.gateway.ready = { postgres: true, redis: true };
  });

  test("metrics are text", async () => {
    expect(await (await fetch(`${api.url}/metrics`)).text()).toContain("parley_up 1");
  });
});

describe("admin", () => {
  const admin = (path: string, init: RequestInit = {}) =>
    fetch(`${api.url}/admin${path}`, { ...init, headers: { "x-admin-secret": "operator-secret", "content-type": "application/json" } });

  test("an organization and its key are made, listed without the key itself, and revoked once", async () => {
    const made = await admin("/organizations", { method: "POST", body: JSON.stringify({ name: "Acme" }) });
    expect(made.status).toBe(201);
    const { id: organizationId } = (await made.json()) as { id: string };
    const body = { organization_id: organizationId, name: "ci", scopes: ["conversations:read"], expires_at: "2030-01-01T00:00:00Z" };
    const created = await admin("/api-keys", { method: "POST", body: JSON.stringify(body) });
    const key = (await created.json()) as { id: string; api_key: string };
    expect(created.status).toBe(201);
    expect(key).toMatchObject({ ...body, expires_at: "2030-01-01T00:00:00.000Z", agent_ids: null });
    expect(key.api_key).toMatch(/^agw_/);
    const listed = await (await admin(`/api-keys?organization_id=${organizationId}`)).text();
    expect(listed).toContain(key.id);
    expect(listed).not.toContain(key.api_key);
    const second = await (await admin(`/api-keys?organization_id=${organizationId}&page=2&per_page=1`)).json();
    expect(second).toEqual({ api_keys: [], total: 1, page: 2, per_page: 1 });
    expect(await codeOf(await admin(`/api-keys?organization_id=${organizationId}&per_page=0`))).toEqual([422, "invalid_input"]);
    const path = `/api-keys/${key.id}?organization_id=${organizationId}`;
    expect((await admin(path, { method: "DELETE" })).status).toBe(200);
    expect(await codeOf(await admin(path, { method: "DELETE" }))).toEqual([404, "not_found"]);
  });

  test("a key without scopes is granted nothing", async () => {
    const made = await admin("/api-keys", { method: "POST", body: JSON.stringify({ organization_id: randomUUID(), name: "empty" }) });
    expect(await made.json()).toMatchObject({ scopes: [] });
  });

  test("no key of an organization opens it, nor a wrong secret", async () => {
    for (const headers of [{}, { "x-api-key": api.key }, { "x-admin-secret": "operator-secreT" }, { authorization: `Bearer ${api.key}` }]) {
      const response = await fetch(`${api.url}/admin/api-keys`, { headers });
      expect(response.headers.get("www-authenticate")).toBe("AdminSecret");
      expect(await codeOf(response)).toEqual([401, "unauthenticated"]);
    }
  });

  test("wrong fields are named", async () => {
    const response = await admin("/api-keys", {
      method: "POST",
      body: JSON.stringify({ organization_id: "x", name: "", scopes: ["root"] }),
    });
    const { error } = (await response.json()) as { error: { issues: { path: unknown[] }[]; request_id: string } };
    expect(response.status).toBe(422);
    expect(error.issues.map(({ path }) => path.join("."))).toEqual(["organization_id", "name", "scopes.0"]);
    expect(error.request_id).toBe(response.headers.get("x-request-id"));
  });
});

describe("bad input", () => {
  const before = () => api.gateway.listExecutions([...api.gateway.callers.values()][0] ?? fail(), { page: 1, perPage: 50 });
  const fail = (): never => {
    throw new Error("no caller");
  };
  const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

  const bodies: [string, Parameters<typeof submit>, [number, string]][] = [
    ["an empty body", ["", {}], [422, "invalid_input"]],
    ["no JSON", ["{", {}], [400, "bad_request"]],
    ["a body over the limit", [JSON.stringify({ text: "x".repeat(LIMITS.bodyBytesMax) })], [413, "body_too_large"]],
    ["bytes that are no UTF-8", [new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])], [400, "bad_request"]],
    ["a form", ["a=b", { "content-type": "application/x-www-form-urlencoded" }], [415, "unsupported_media_type"]],
    ["a file upload", ["--x--", { "content-type": "multipart/form-data; boundary=x" }], [415, "unsupported_media_type"]],
    ["JSON in another encoding", ["{}", { "content-type": "application/json; charset=utf-16" }], [415, "unsupported_media_type"]],
    ["JSON nested too deeply", [`{"agentId":"${agentId}","text":"x","options":${deep(100_000)}}`], [400, "bad_request"]],
    ["wrong types", [JSON.stringify({ agentId, text: 7 })], [422, "invalid_input"]],
    ["a list", ["[]"], [422, "invalid_input"]],
    ["an unknown mode", [JSON.stringify({ agentId, text: "x", mode: "shout" })], [422, "invalid_input"]],
  ];
  test.each(bodies)("%s is refused, and nothing is written", async (_name, parameters, expected) => {
    const { total } = await before();
    expect(await codeOf(await submit(...parameters))).toEqual(expected);
    expect((await before()).total).toBe(total);
  });

  test("a key named __proto__ reaches nothing", async () => {
    const text = `{"agentId":"${agentId}","text":"x","__proto__":{"polluted":1},"options":{"payloadExtension":{"__proto__":{"polluted":1}}}}`;
    expect((await submit(text)).status).toBe(200);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  test.each([
    ["GET", "/trpc/turn.submit", 405],
    ["POST", "/trpc/conversation.get", 405],
    ["DELETE", "/trpc/turn.follow", 405],
    ["GET", "/trpc/turn.shout", 404],
    ["GET", "/trpc/__proto__", 404],
    ["GET", "/trpc/constructor.name", 404],
    ["GET", "/trpc/%E0%A4", 400],
    ["GET", "/trpc/conversation.get?input=%7B", 400],
    ["GET", "/trpc", 404],
    ["GET", "/admin/../../etc/passwd", 404],
    ["PUT", "/health", 404],
  ])("%s %s is answered with %i", async (method, path, status) => {
    const response = await send(path, {
      method,
      ...(method === "POST" && { body: "{}", headers: { "content-type": "application/json" } }),
    });
    expect([response.status, await response.text()]).toEqual([status, expect.stringContaining('"code"')]);
  });

  test("an idempotency key in the head is for one call and not for a batch, whose calls name their own", async () => {
    const call = (paths: string, body: unknown) => post(`/trpc/${paths}`, JSON.stringify(body), { "idempotency-key": "k" });
    const message = { agentId, text: "x" };
    const both = await call("turn.submit,turn.submit?batch=1", { 0: message, 1: message });
    expect(await codeOf(both)).toEqual([400, "bad_request"]);
    expect(await codeOf(await call("turn.submit", { ...message, idempotencyKey: "other" }))).toEqual([400, "bad_request"]);
    expect((await call("turn.submit?batch=1", { 0: message })).status).toBe(200);
    expect((await call("turn.submit", { ...message, idempotencyKey: "k" })).status).toBe(200);
  });

  test("a batch beyond the limit is refused whole", async () => {
    const paths = Array.from({ length: 21 }, () => "system.health").join(",");
    expect((await send(`/trpc/${paths}?batch=1&input=%7B%7D`)).status).toBe(400);
  });

  test("a body that is cut in the middle ends with its connection, and nothing is written", async () => {
    const { total } = await before();
    const head = `POST /trpc/turn.submit HTTP/1.1\r\nhost: x\r\nx-api-key: ${api.key}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n`;
    await sendRaw(`${head}{"agentId":"${agentId}","text":"x`, { end: true });
    expect((await before()).total).toBe(total);
    expect((await send("/health")).status).toBe(200);
  });

  test.each([
    ["no HTTP", "hello\r\n\r\n", "400"],
    ["two lengths", "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "400"],
    ["a header without an end", `GET / HTTP/1.1\r\nhost: x\r\nlong: ${"x".repeat(20_000)}`, "431"],
  ])("%s is refused before any handler, with a request id", async (_name, text, status) => {
    const answer = await sendRaw(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain("x-request-id: ");
  });
});

describe("a subscription over plain SSE", () => {
  const follow = (init: RequestInit & { headers?: Record<string, string> }, query = "") => send(`/trpc/turn.follow${query}`, init);

  test("is a 200 whose first frame comes at once, and a typed last event where it is refused", async () => {
    const response = await follow({
      method: "POST",
      body: JSON.stringify({ conversationId: randomUUID() }),
      headers: { "content-type": "application/json" },
    });
    const text = await response.text();
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    expect(text).toMatch(/^event: connected\ndata: {}\n\nevent: serialized-error\ndata: /);
    expect(JSON.parse(text.slice(text.lastIndexOf("data: ") + 6))).toMatchObject({ data: { code: "not_found", retry: false } });
  });

  test.each([
    ["a body that is no JSON", { method: "POST", body: "{", headers: { "content-type": "application/json" } }, "", "bad_request"],
    ["a form", { method: "POST", body: "a=b", headers: { "content-type": "text/plain" } }, "", "unsupported_media_type"],
    ["no JSON in the address", { method: "GET" }, "?input=%7B", "bad_request"],
    ["an id that is none", { method: "GET" }, `?input=${encodeURIComponent('{"conversationId":"7"}')}`, "invalid_input"],
    [
      "a place that is none",
      { method: "GET", headers: { "last-event-id": "x" } },
      `?input=${encodeURIComponent(`{"conversationId":"${randomUUID()}"}`)}`,
      "invalid_cursor",
    ],
  ])("%s is a typed last event", async (_name, init, query, code) => {
    expect(await (await follow(init, query)).text()).toContain(`"code":"${code}"`);
  });

  test("resumes after the id that the browser sends back", async () => {
    const submitted = (await (await submit(JSON.stringify({ agentId, text: "Hi." }))).json()) as {
      result: { data: { conversationId: string } };
    };
    const { conversationId } = submitted.result.data;
    const stop = new AbortController();
    const query = `?input=${encodeURIComponent(JSON.stringify({ conversationId }))}`;
    const response = await follow({ method: "GET", headers: { "last-event-id": "1-1" }, signal: stop.signal }, query);
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true });
      if (text.includes("id: 1-2\n")) break;
    }
    stop.abort();
    expect(text).not.toContain("id: 1-1\n");
    await vi.waitFor(() => expect(api.gateway.followers()).toBe(0), { timeout: 10_000 });
    await vi.waitFor(() => expect(api.connections.open).toBe(0), { timeout: 10_000 });
  });
});
