import { rpcRow } from "@parley/router";
import { at, type RestAnswer, type RestRequest, type System, startReplica, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SERVED } from "./support/served.ts";

const BODY_BYTES = 4_096;

let system: System;
let agentId: string;
beforeAll(async () => {
  system = await startSystem({ env: { LIMIT_BODY_BYTES_MAX: String(BODY_BYTES), LIMIT_RPC_CALLS_PER_BATCH_MAX: "3" } });
  agentId = await system.ours.newAgent();
  system.model.otherwise({ text: ["Hello ", "there"] });
});
afterAll(() => system?.close());

const post = (body: unknown, request: RestRequest = {}, apiKey: string | null = system.ours.apiKey): Promise<RestAnswer> =>
  system.rest(0, apiKey).call("/rpc", { method: "POST", body, ...request });
const call = (method: string, params?: unknown, id: unknown = 1) => ({
  jsonrpc: "2.0",
  id,
  method,
  ...(params !== undefined && { params }),
});
const refusal = (code: number, message: string) => ({ jsonrpc: "2.0", error: { code, message }, id: null });

describe("over HTTP", () => {
  test("a call is answered with 200, be it done or refused", async () => {
    expect(await post(call("agent.execute", { agentId, message: "Hi" }))).toMatchObject({
      status: 200,
      body: { id: 1, result: { response: "Hello there" } },
    });
    expect(await post(call("no.such"))).toMatchObject({ status: 200, body: { error: { code: -32601, message: "Method not found" } } });
    const lacking = await post(call("tokens.list"), {}, await system.ours.newKey({ scopes: ["rpc"] }));
    expect(lacking).toMatchObject({
      status: 200,
      body: { id: 1, error: { code: -32603, message: "Insufficient scope: requires 'admin'" } },
    });
    expect(lacking.headers.get("x-request-id")).toMatch(/./);
  });

  test("a batch is answered in its order, and notifications with 204 and nothing", async () => {
    const batch = await post([call("system.ping", {}, "b"), { jsonrpc: "2.0", method: "system.ping" }, call("no.such", {}, "a")]);
    expect(batch).toMatchObject({
      status: 200,
      body: [
        { id: "b", result: { pong: true } },
        { id: "a", error: { code: -32601 } },
      ],
    });
    const silent = await post([{ jsonrpc: "2.0", method: "system.ping" }]);
    expect([silent.status, silent.text]).toEqual([204, ""]);
  });

  test("what needs a socket is not there, and not listed", async () => {
    const socketOnly = SERVED.filter((name) => rpcRow(name).socketOnly);
    expect(socketOnly).toContain("agent.stream");
    for (const name of socketOnly) expect([name, at((await post(call(name))).body, "error", "code")]).toEqual([name, -32601]);
    const listed = at((await post(call("system.methods"))).body, "result", "methods");
    expect(listed).toEqual(SERVED.filter((name) => !socketOnly.includes(name)));
  });

  test.each<[string, unknown, RestRequest, number, object]>([
    ["no JSON", "{", {}, 400, refusal(-32700, "Parse error")],
    ["nothing", "", {}, 400, refusal(-32700, "Parse error")],
    ["bytes that are no text", new Uint8Array([0x22, 0xff, 0x22]), {}, 400, refusal(-32700, "Parse error")],
    [
      "too large",
      " ".repeat(BODY_BYTES + 1),
      {},
      413,
      refusal(-32600, `Message size ${BODY_BYTES + 1} bytes exceeds maximum of ${BODY_BYTES}`),
    ],
    [
      "of another type",
      "{}",
      { headers: { "content-type": "text/plain" } },
      415,
      refusal(-32600, "The body must be application/json in UTF-8."),
    ],
    ["a batch that is too long", [1, 2, 3, 4], {}, 400, refusal(-32600, "Batch size 4 exceeds maximum of 3")],
    ["a batch of nothing", [], {}, 400, refusal(-32600, "Invalid Request")],
    [
      "a batch under one key",
      [call("system.ping"), call("system.ping")],
      { headers: { "idempotency-key": "k" } },
      400,
      refusal(-32600, "An Idempotency-Key header is for one call, not for a batch."),
    ],
    ["asked for with GET", undefined, { method: "GET" }, 405, refusal(-32600, "The method is not allowed here.")],
  ])("%s is refused with the status that says so", async (_name, body, request, status, expected) => {
    const answer = await post(body, request);
    expect([answer.status, answer.body]).toEqual([status, expected]);
  });

  test.each([
    ["no credential", null],
    ["a bad one", "agw_nobody"],
  ])("%s is 401 in this door's own shape", async (_name, apiKey) => {
    const answer = await post(call("system.ping"), {}, apiKey);
    expect(answer).toMatchObject({
      status: 401,
      body: { jsonrpc: "2.0", id: null, error: { code: -32603, data: { code: "unauthenticated", httpStatus: 401 } } },
    });
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  });

  test("the Idempotency-Key header stands for the parameter, and the two may not differ", async () => {
    const body = call("agents.create", { name: "Once" });
    const request = { headers: { "idempotency-key": "http-1" } };
    const [first, again] = [await post(body, request), await post(body, request)];
    expect(again.body).toEqual(first.body);
    expect(at(again.body, "result", "created")).toBe(true);
    const asParameter = await post(call("agents.create", { name: "Once", idempotencyKey: "http-1" }));
    expect(at(asParameter.body, "result", "agentId")).toBe(at(first.body, "result", "agentId"));
    const differing = await post(call("agents.create", { name: "Once", idempotencyKey: "http-2" }), request);
    expect(differing.body).toMatchObject({ error: { code: -32602, data: { code: "bad_request" } } });
    const other = await post(call("agents.create", { name: "Another" }), request);
    expect(other.body).toMatchObject({ error: { code: -32602, data: { code: "idempotency_mismatch" } } });
  });

  test("calls are counted with those of sockets, and one too many is 429", async () => {
    const few = await startReplica("api", { ...system.environment, LIMIT_RPC_CALLS_PER_WINDOW_MAX: "3", LIMIT_RPC_WINDOW_MS: "3600000" });
    try {
      const key = await system.ours.newKey({ scopes: ["rpc"] });
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      const ask = (body: unknown) => fetch(`${few.url}/rpc`, { method: "POST", headers, body: JSON.stringify(body) });
      expect((await ask([call("system.ping"), call("system.ping"), call("system.ping")])).status).toBe(200);
      const refused = await ask(call("system.ping"));
      expect([refused.status, await refused.json()]).toMatchObject([
        429,
        { id: null, error: { code: -32000, message: "Message rate limit exceeded" } },
      ]);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    } finally {
      await few.close();
    }
  });
});
