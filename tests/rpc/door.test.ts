import { type Replica, type System, startReplica, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openRpc, type RpcClient, type RpcFrame } from "./support/rpc-client.ts";

const BODY_BYTES = 4_096;
const CALLS = 5;
const HEARTBEAT_MS = 200;

let system: System;
/** Two that count few calls, together. */
let strict: Replica[];
let agentId: string;
const clients: RpcClient[] = [];
beforeAll(async () => {
  const bounds = { LIMIT_BODY_BYTES_MAX: String(BODY_BYTES), LIMIT_RPC_CALLS_PER_BATCH_MAX: "3", RPC_HEARTBEAT_MS: String(HEARTBEAT_MS) };
  system = await startSystem({ apis: 2, env: bounds });
  const few = { ...system.environment, LIMIT_RPC_CALLS_PER_WINDOW_MAX: String(CALLS), LIMIT_RPC_WINDOW_MS: "3000" };
  strict = await Promise.all([startReplica("api", few), startReplica("api", few)]);
  agentId = await system.ours.newAgent();
  system.model.otherwise({ text: ["Hello ", "there"], delayMs: 5 });
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all((strict ?? []).map((replica) => replica.close()));
  await system?.close();
});

async function connect(
  { url }: { url: string } = system.apis[0] ?? { url: "" },
  apiKey: string | null = system.ours.apiKey,
): Promise<RpcClient> {
  const client = await openRpc(url, apiKey);
  clients.push(client);
  return client;
}

const isAnswer = ({ method }: RpcFrame): boolean => method === undefined;
/** The next thing that is no heartbeat. */
async function answer(client: RpcClient): Promise<RpcFrame | RpcFrame[]> {
  for (;;) {
    const frame = await client.next();
    if (Array.isArray(frame) || isAnswer(frame)) return frame;
  }
}
const ping = (id?: unknown) => ({ jsonrpc: "2.0", method: "system.ping", ...(id !== undefined && { id }) });
const refusal = (code: number, message: string, id: unknown = null) => ({ jsonrpc: "2.0", error: { code, message }, id });
const pong = (id: unknown) => ({ jsonrpc: "2.0", id, result: { pong: true, ts: expect.any(Number) } });
const many = <Of>(count: number, of: (index: number) => Of): Of[] => Array.from({ length: count }, (_, index) => of(index));
const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

describe("a message that is no call", () => {
  test.each([
    ["bytes", Buffer.from("{}"), refusal(-32700, "Binary messages not supported")],
    ["too large", " ".repeat(BODY_BYTES + 1), refusal(-32600, `Message size ${BODY_BYTES + 1} bytes exceeds maximum of ${BODY_BYTES}`)],
    [
      "large by its bytes, not by its characters",
      "é".repeat(BODY_BYTES / 2 + 1),
      refusal(-32600, `Message size ${BODY_BYTES + 2} bytes exceeds maximum of ${BODY_BYTES}`),
    ],
    ["no JSON", "{", refusal(-32700, "Parse error")],
    ["nothing", "", refusal(-32700, "Parse error")],
    ["nested too deeply", deep(100), refusal(-32600, "The message is nested deeper than 64 levels.")],
    [
      "text that cannot be kept",
      '{"jsonrpc":"2.0","id":1,"method":"system.ping","params":{"a":"\\u0000"}}',
      refusal(-32600, "Text may hold neither U+0000 nor half a character."),
    ],
    ["a batch of nothing", "[]", refusal(-32600, "Invalid Request")],
    ["a batch that is too long", many(4, ping), refusal(-32600, "Batch size 4 exceeds maximum of 3")],
    ["a number", "1", refusal(-32600, "Invalid Request")],
    ["a call of another protocol", { jsonrpc: "1.0", id: 7, method: "system.ping" }, refusal(-32600, "Invalid Request", 7)],
    ["a method that is no name", { jsonrpc: "2.0", id: "a", method: 1 }, refusal(-32600, "Invalid Request", "a")],
    ["an id that is none", { jsonrpc: "2.0", id: {}, method: "system.ping" }, refusal(-32600, "Invalid Request")],
    ["an unknown method", { jsonrpc: "2.0", id: 9, method: "graph.define" }, refusal(-32601, "Method not found", 9)],
    ["the name of something else", { jsonrpc: "2.0", id: 9, method: "toString" }, refusal(-32601, "Method not found", 9)],
  ])("%s is refused, and the socket goes on", async (_name, frame, expected) => {
    const client = await connect();
    client.send(frame);
    expect(await answer(client)).toEqual(expected);
    expect(await client.result("system.ping")).toMatchObject({ pong: true });
  });

  test("far too large closes the socket", async () => {
    const client = await connect();
    client.send("x".repeat(BODY_BYTES * 4 + 1));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });
});

describe("a call", () => {
  test("is answered under its own id, whatever kind of id that is", async () => {
    const client = await connect();
    for (const id of [0, -1.5, "", "text", null]) {
      client.send(ping(id));
      expect(await answer(client)).toEqual(pong(id));
    }
  });

  test.each([
    ["a list", ["a"], "Parameters are given by name, in an object."],
    ["no object", "a", "Parameters are given by name, in an object."],
    ["without what is needed", {}, "Missing required parameter: session_key"],
    ["of the wrong kind", { session_key: 1 }, "Invalid parameter session_key: Invalid input: expected string, received number"],
  ])("with parameters that are %s is -32602, with the error table's code", async (_name, params, text) => {
    const { error } = await (await connect()).call("session.history", params);
    expect(error).toMatchObject({ code: -32602, message: text, data: { code: "invalid_input", text, httpStatus: 422, retry: false } });
  });

  test("has no parameters that begin with an underscore", async () => {
    const client = await connect();
    const theirs = await system.newTenant("theirs");
    const stranger = { _tenantId: theirs.organizationId, _agentId: "x", _trustLevel: "admin", _clientId: "x" };
    expect(await client.result("system.whoami", stranger)).toMatchObject({ organizationId: system.ours.organizationId });
    const { error } = await client.call("session.history", { _session_key: "x" });
    expect(error?.message).toBe("Missing required parameter: session_key");
  });

  test("without an id is made and not answered, not even where it fails", async () => {
    const client = await connect();
    const before = (await client.result("tokens.list")).total as number;
    client.send({ jsonrpc: "2.0", method: "tokens.create", params: { scopes: ["rpc"] } });
    client.send({ jsonrpc: "2.0", method: "no.such" });
    client.send([ping(), ping()]);
    await expect.poll(async () => (await client.result("tokens.list")).total).toBe(before + 1);
    expect(client.heard.filter(isAnswer)).toEqual([]);
  });

  test("that takes long holds up no other", async () => {
    const client = await connect();
    system.model.when(({ lastUserText }) => lastUserText === "slow", { text: many(40, () => "x "), delayMs: 25 });
    let done = false;
    const slow = client.result("agent.execute", { agentId, message: "slow" }).then(() => {
      done = true;
    });
    await client.result("system.ping");
    expect(done).toBe(false);
    await slow;
  });
});

describe("a batch", () => {
  test("is answered in its order, without its notifications, some allowed and some not", async () => {
    const client = await connect(system.apis[0], await system.ours.newKey({ scopes: ["rpc"] }));
    client.send([
      ping("b"),
      { jsonrpc: "2.0", id: "a", method: "tokens.list" },
      { jsonrpc: "2.0", id: 3, method: "agent.execute", params: { agentId, message: "Hi" } },
    ]);
    expect(await answer(client)).toMatchObject([
      pong("b"),
      { id: "a", error: { code: -32603, message: "Insufficient scope: requires 'admin'" } },
      { id: 3, result: { response: "Hello there" } },
    ]);
    client.send([ping(1), ping(), 1]);
    expect(await answer(client)).toEqual([pong(1), refusal(-32600, "Invalid Request")]);
  });

  test("with a single answer brings it without a list", async () => {
    const client = await connect();
    client.send([ping(1), ping()]);
    expect(await answer(client)).toEqual(pong(1));
  });
});

describe("how often", () => {
  const limited = (client: RpcClient) => client.call("system.ping").then(({ error }) => error?.code ?? 0);
  const newKey = () => system.ours.newKey({ scopes: ["rpc"] });

  test("a principal may call is counted over its sockets and all replicas, until the window has moved on", async () => {
    const key = await newKey();
    const first = await connect(strict[0], key);
    expect(await Promise.all(many(CALLS, () => limited(first)))).toEqual(many(CALLS, () => 0));
    first.send(ping(1));
    expect(await answer(first)).toEqual({
      jsonrpc: "2.0",
      error: { code: -32000, message: "Message rate limit exceeded", data: { retryAfterSeconds: expect.any(Number) } },
      id: null,
    });
    await first.close();
    for (const replica of strict) {
      const again = await connect(replica, key);
      again.send(ping(1));
      expect(await answer(again)).toMatchObject({ error: { code: -32000 } });
    }
    const other = await connect(strict[1], await newKey());
    expect(await limited(other)).toBe(0);
    const later = await connect(strict[1], key);
    await expect
      .poll(
        async () => {
          later.send(ping(1));
          return answer(later);
        },
        { timeout: 10_000, interval: 200 },
      )
      .toEqual(pong(1));
  });

  test("counts each call of a batch, all or none", async () => {
    const key = await newKey();
    const client = await connect(strict[0], key);
    client.send([ping(1), ping(2), ping(3)]);
    expect(await answer(client)).toHaveLength(3);
    // One is left after the batch itself was counted as a message.
    client.send([ping(1), ping(2), ping(3)]);
    expect(await answer(client)).toMatchObject({ id: null, error: { code: -32000 } });
    expect(await limited(client)).toBe(0);
    client.send(Buffer.from("bytes are not counted"));
    expect(await answer(client)).toMatchObject({ error: { code: -32700 } });
    client.send(ping(1));
    expect(await answer(client)).toMatchObject({ id: null, error: { code: -32000 } });
  });
});

describe("a socket", () => {
  test.each([
    ["no credential", null],
    ["a credential that is none", "agw_nobody"],
  ])("with %s is opened and closed with 4001", async (_name, apiKey) => {
    const client = await openRpc(system.apis[0]?.url ?? "", apiKey);
    expect(await client.closed).toEqual({ code: 4001, reason: "Unauthorized" });
  });

  test("is opened by a ticket, once", async () => {
    const { url } = system.apis[0] ?? { url: "" };
    const { ticket } = (await system.rest().call("/api/tickets", { method: "POST" })).body as { ticket: string };
    const client = await openRpc(url, null, `?ticket=${ticket}`);
    expect(await client.result("system.whoami")).toMatchObject({ organizationId: system.ours.organizationId });
    await client.close();
    const again = await openRpc(url, null, `?ticket=${ticket}`);
    expect(await again.closed).toEqual({ code: 4001, reason: "Unauthorized" });
  });

  test("with the MCP scope is closed with 4003", async () => {
    const client = await openRpc(system.apis[0]?.url ?? "", await system.ours.newKey({ scopes: ["mcp-client"] }));
    expect(await client.closed).toMatchObject({ code: 4003 });
  });

  test("hears a heartbeat, again and again", async () => {
    const client = await connect();
    const beats = () => client.heard.filter(({ method }) => method === "heartbeat");
    await expect.poll(() => beats().length).toBeGreaterThan(2);
    const times = beats().map(({ params }) => Number(params?.ts));
    for (const [index, ts] of times.entries()) {
      expect(Math.abs(ts - Date.now())).toBeLessThan(60_000);
      if (index > 0) expect(ts).toBeGreaterThan(times[index - 1] ?? 0);
    }
  });

  test("knows nothing of others that are open at the same time", async () => {
    const sockets = await Promise.all(many(5, () => connect()));
    const ids = await Promise.all(
      sockets.map(async (client, index) => {
        client.send(ping(`of ${index}`));
        return ((await answer(client)) as RpcFrame).id;
      }),
    );
    expect(ids).toEqual(many(5, (index) => `of ${index}`));
    for (const client of sockets) expect(client.heard.filter(isAnswer)).toHaveLength(1);
  });

  test("that is cut in the middle of a call takes nothing along: the turn ends, and the same call finds it", async () => {
    system.model.when(({ lastUserText }) => lastUserText === "cut", { text: many(30, () => "x "), delayMs: 20 });
    const call = { agentId, message: "cut", idempotencyKey: "cut-1" };
    const client = await openRpc(system.apis[0]?.url ?? "", system.ours.apiKey);
    const lost = client.call("agent.stream", call).catch(() => "cut");
    const told = await client.hear(({ params }) => params?.type === "turn.delta");
    client.cut();
    expect(await lost).toBe("cut");
    const again = await (await connect(system.apis[1])).result("agent.stream", call);
    expect(again).toMatchObject({ conversationId: told.params?.conversationId, status: "completed", replayed: true });
    expect(String(again.response).trim()).toBe(many(30, () => "x").join(" "));
  });

  test("is closed with 4001 when its key is revoked, within seconds", async () => {
    const owner = await connect();
    const made = await owner.result("tokens.create", { scopes: ["rpc"], name: "short" });
    const client = await openRpc(system.apis[1]?.url ?? "", String(made.secret));
    await client.result("system.ping");
    await owner.result("tokens.revoke", { id: made.id });
    const startedMs = Date.now();
    expect(await client.closed).toEqual({ code: 4001, reason: "Unauthorized" });
    expect(Date.now() - startedMs).toBeLessThan(8_000);
  });
});
