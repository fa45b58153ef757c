import { randomUUID } from "node:crypto";
import { at, type System, startReplica, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorOf, info, message, type RawA2a, rawA2a, result, stateOf, V1 } from "./support/raw-a2a.ts";

let system: System;
let a2a: RawA2a;
beforeAll(async () => {
  system = await startSystem();
  a2a = rawA2a(system, await system.ours.newAgent({ name: "Clerk", description: "Answers" }));
  system.model.otherwise({ text: ["the answer"] });
});
afterAll(() => system.close());

describe("the card", () => {
  const card = (headers: Record<string, string> = {}, where = a2a.path("/.well-known/agent-card.json")) =>
    system.rest(0, null).call(where, { headers });

  test("is public, in both versions, and has all that readers of either ask for", async () => {
    const url = `${system.apis[0]?.url}${a2a.path()}`;
    const pure = await card(V1);
    expect(pure).toMatchObject({
      status: 200,
      body: { name: "Clerk", description: "Answers", version: "1", skills: [{ id: "answer", tags: [] }] },
    });
    const interfaces = at(pure.body, "supportedInterfaces") as { url: string; protocolBinding: string; protocolVersion: string }[];
    expect(interfaces.map((one) => [one.protocolVersion, one.protocolBinding, one.url])).toEqual([
      ["1.0", "JSONRPC", url],
      ["1.0", "HTTP+JSON", url],
      ["0.3", "JSONRPC", url],
      ["0.3", "HTTP+JSON", url],
    ]);
    for (const member of ["url", "protocolVersion", "security", "preferredTransport"]) expect(pure.body).not.toHaveProperty(member);
    const hybrid = await card();
    expect(hybrid.body).toMatchObject({ protocolVersion: "0.3.0", url, preferredTransport: "JSONRPC", supportedInterfaces: interfaces });
    expect(at(hybrid.body, "securitySchemes", "bearer")).toEqual({ type: "http", scheme: "bearer" });
    expect((await card({}, a2a.path("/.well-known/agent.json"))).text).toBe(hybrid.text);
    expect(await card({ "a2a-version": "99.0" })).toMatchObject({
      status: 400,
      body: { error: { details: info("VERSION_NOT_SUPPORTED") } },
    });
  });

  test("is kept by caches for a while, and told apart by its version", async () => {
    const first = await card(V1);
    const tag = first.headers.get("etag") ?? "";
    expect(first.headers.get("cache-control")).toMatch(/^public, max-age=\d+$/);
    expect(first.headers.get("vary")).toContain("A2A-Version");
    expect((await card({ ...V1, "if-none-match": `"x", ${tag}` })).status).toBe(304);
    expect((await card({ "if-none-match": tag })).status).toBe(200);
  });

  test("of nobody is not there, nor at the root where no agent is the default; the extended one needs a credential", async () => {
    for (const where of [
      `/a2a/agents/${randomUUID()}/.well-known/agent-card.json`,
      "/a2a/agents/x/.well-known/agent.json",
      "/.well-known/agent-card.json",
    ]) {
      expect([where, (await card(V1, where)).status]).toEqual([where, 404]);
    }
    const extended = await system.rest(0, null).call(a2a.path("/extendedAgentCard"), { headers: V1 });
    expect([extended.status, extended.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await result(a2a.rpc("GetExtendedAgentCard", undefined))).toMatchObject({ name: "Clerk" });
  });
});

test("the default agent's card stands at the root, under the address that the operator gave", async () => {
  const agentId = a2a.path().split("/").at(-1) ?? "";
  const api = await startReplica("api", { ...system.environment, A2A_DEFAULT_AGENT_ID: agentId, PUBLIC_URL: "https://agents.example/" });
  try {
    for (const name of ["agent-card.json", "agent.json"]) {
      const card: unknown = await (await fetch(`${api.url}/.well-known/${name}`)).json();
      expect(card).toMatchObject({ name: "Clerk", url: `https://agents.example/a2a/agents/${agentId}` });
    }
  } finally {
    await api.close();
  }
});

describe("versions", () => {
  test("no version, and an empty one, are 0.3; a patch makes no difference; what there is not is refused", async () => {
    for (const version of [null, "", "0.3", "0.3.0"]) {
      expect(await errorOf(a2a.rpc("SendMessage", {}, { version }))).toMatchObject({ code: -32601 });
      expect(await errorOf(a2a.rpc("tasks/get", { id: randomUUID() }, { version }))).toEqual({ code: -32001, message: expect.any(String) });
    }
    expect(await errorOf(a2a.rpc("GetTask", { id: randomUUID() }, { version: "1.0.3" }))).toMatchObject({ code: -32001 });
    for (const version of ["99.0", "1", "2.0", "1.0; x"]) {
      expect(await errorOf(a2a.rpc("GetTask", {}, { version }))).toMatchObject({ code: -32009, data: info("VERSION_NOT_SUPPORTED") });
    }
    const query = await system.rest().call(a2a.path("/tasks?A2A-Version=1.0"));
    expect(query).toMatchObject({ status: 200, body: { tasks: expect.any(Array) } });
    expect(await system.rest().call(a2a.path("/tasks"))).toMatchObject({ status: 400 });
    expect(await system.rest().call(a2a.path("/v1/tasks"), { headers: V1 })).toMatchObject({ status: 400 });
  });

  test("answers have no shapes of the other version", async () => {
    const fresh = JSON.stringify(await a2a.send());
    expect(fresh).not.toMatch(/"kind"|"final"|"completed"/);
    const old = await result(
      a2a.rpc(
        "message/send",
        { message: { kind: "message", messageId: randomUUID(), role: "user", parts: [{ kind: "text", text: "Hello" }] } },
        { version: null },
      ),
    );
    expect(old).toMatchObject({
      kind: "task",
      status: { state: "completed" },
      artifacts: [{ parts: [{ kind: "text", text: "the answer" }] }],
      history: [{ kind: "message", role: "user" }],
    });
    expect(JSON.stringify(old)).not.toMatch(/TASK_STATE|ROLE_/);
  });
});

describe("JSON-RPC", () => {
  test("ids come back as they were, of their type; the path may end with a slash", async () => {
    for (const id of [1, "1", 0, "", "x y", -5]) expect(at((await a2a.rpc("ListTasks", {}, { id })).body, "id")).toBe(id);
    expect(
      (await system.rest().call(`${a2a.path()}/`, { body: { jsonrpc: "2.0", id: "a", method: "ListTasks" }, headers: V1 })).body,
    ).toMatchObject({ id: "a" });
  });

  test.each<[string, unknown, number]>([
    ["half of its JSON", '{"jsonrpc":"2.0"', -32700],
    ["a batch", [{ jsonrpc: "2.0", id: 1, method: "ListTasks" }], -32600],
    ["another version of JSON-RPC", { jsonrpc: "1.0", id: 1, method: "ListTasks" }, -32600],
    ["no method", { jsonrpc: "2.0", id: 1 }, -32600],
    ["an id that is none", { jsonrpc: "2.0", id: { a: 1 }, method: "ListTasks" }, -32600],
    ["a broken id", { jsonrpc: "2.0", id: 1.5, method: "ListTasks" }, -32600],
    ["an unknown method", { jsonrpc: "2.0", id: 1, method: "Nothing" }, -32601],
    ["a method that every object has", { jsonrpc: "2.0", id: 1, method: "constructor" }, -32601],
    ["params that are no object", { jsonrpc: "2.0", id: 1, method: "GetTask", params: [1] }, -32602],
    ["no params", { jsonrpc: "2.0", id: 1, method: "GetTask" }, -32602],
    [
      "a message without parts",
      { jsonrpc: "2.0", id: 1, method: "SendMessage", params: { message: { messageId: "m", role: "ROLE_USER", parts: [] } } },
      -32602,
    ],
    [
      "a message without an id",
      { jsonrpc: "2.0", id: 1, method: "SendMessage", params: { message: { role: "ROLE_USER", parts: [{ text: "x" }] } } },
      -32602,
    ],
    [
      "a part that is two things",
      { jsonrpc: "2.0", id: 1, method: "SendMessage", params: { message: message("x", { parts: [{ text: "x", url: "http://a" }] }) } },
      -32602,
    ],
    [
      "a message of the agent's",
      { jsonrpc: "2.0", id: 1, method: "SendMessage", params: { message: message("x", { role: "ROLE_AGENT" }) } },
      -32602,
    ],
    [
      "a type that is not taken",
      {
        jsonrpc: "2.0",
        id: 1,
        method: "SendMessage",
        params: { message: message("x", { parts: [{ raw: "AA==", mediaType: "application/x-none" }] }) },
      },
      -32005,
    ],
    ["a page of nothing", { jsonrpc: "2.0", id: 1, method: "ListTasks", params: { pageSize: 0 } }, -32602],
    ["a page that is too large", { jsonrpc: "2.0", id: 1, method: "ListTasks", params: { pageSize: 101 } }, -32602],
    ["a state that there is not", { jsonrpc: "2.0", id: 1, method: "ListTasks", params: { status: "completed" } }, -32602],
    ["a token that was never given", { jsonrpc: "2.0", id: 1, method: "ListTasks", params: { pageToken: "x" } }, -32602],
  ])("%s is refused under 200", async (_what, body, code) => {
    expect(await errorOf(system.rest().call(a2a.path(), { body, headers: V1 }))).toMatchObject({ code, message: expect.any(String) });
  });

  test("a body of another type is refused, and unknown members are ignored", async () => {
    const wrong = {
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ListTasks" }),
      headers: { ...V1, "content-type": "text/plain" },
    };
    expect(await errorOf(system.rest().call(a2a.path(), wrong))).toMatchObject({ code: -32005, data: info("CONTENT_TYPE_NOT_SUPPORTED") });
    const odd = { message: { ...message("Hello"), oddity: 1 }, configuration: { oddity: true }, oddity: {}, tenant: "x" };
    expect(stateOf(at(await result(a2a.rpc("SendMessage", odd, { headers: { ...V1, "a2a-extensions": "urn:none" } })), "task"))).toBe(
      "TASK_STATE_COMPLETED",
    );
  });
});
