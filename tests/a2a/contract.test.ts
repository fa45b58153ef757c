import { randomUUID } from "node:crypto";
import { at, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ASK, errorOf, idOf, info, message, type RawA2a, rawA2a, result, stateOf, V1 } from "./support/raw-a2a.ts";

let system: System;
let a2a: RawA2a;
beforeAll(async () => {
  system = await startSystem();
  a2a = rawA2a(system, await system.ours.newAgent({ name: "Clerk", mayAsk: true }));
  system.model.otherwise({ text: ["the answer"] });
});
afterAll(() => system?.close());

const rest = (tail: string, request: object = {}) => system.rest().call(a2a.path(tail), { headers: V1, ...request });
const legacyMessage = () => ({ kind: "message", messageId: randomUUID(), role: "user", parts: [{ kind: "text", text: "Hello" }] });

describe("output modes", () => {
  test.each([
    [[]],
    [["text/plain"]],
    [["text"]],
    [["TEXT/Plain; charset=utf-8"]],
    [["text/*"]],
    [["*/*"]],
    [["application/json", "text/plain"]],
  ])("a client that takes %j is answered", async (acceptedOutputModes) => {
    expect(stateOf(await a2a.send("Hello", {}, { acceptedOutputModes }))).toBe("TASK_STATE_COMPLETED");
  });

  test.each([[["application/json"]], [["image/png", "audio/wav"]], [["texture/plain"]]])(
    "one that takes nothing but %j is refused, in every version and binding, before anything is kept",
    async (acceptedOutputModes) => {
      const before = await system.rowCounts();
      const configuration = { acceptedOutputModes };
      for (const method of ["SendMessage", "SendStreamingMessage"]) {
        const refused = await errorOf(a2a.rpc(method, { message: message("Hello"), configuration }));
        expect(refused).toMatchObject({
          code: -32005,
          message: expect.stringContaining("text/plain"),
          data: info("CONTENT_TYPE_NOT_SUPPORTED"),
        });
      }
      expect(await errorOf(a2a.rpc("message/send", { message: legacyMessage(), configuration }, { version: null }))).toMatchObject({
        code: -32005,
      });
      expect(await rest("/message:send", { body: { message: message("Hello"), configuration } })).toMatchObject({ status: 415 });
      expect(await system.rowCounts()).toEqual(before);
    },
  );
});

test("a tenant may stand before each path of 1.0, as it may in the parameters, and changes nothing", async () => {
  const sent = await rest("/acme/message:send", { body: { message: message("Hello") } });
  expect(sent).toMatchObject({ status: 200, body: { task: { status: { state: "TASK_STATE_COMPLETED" } } } });
  const id = idOf(at(sent.body, "task"));
  for (const tail of [
    `/tasks/${id}`,
    `/tasks?contextId=${String(at(sent.body, "task", "contextId"))}`,
    "/extendedAgentCard",
    `/tasks/${id}/pushNotificationConfigs`,
  ]) {
    const [with_, without] = [await rest(`/acme${tail}`), await rest(tail)];
    expect([tail, with_.status, with_.body]).toEqual([tail, 200, without.body]);
  }
  expect(await rest(`/acme/tasks/${id}:cancel`, { method: "POST" })).toMatchObject({ status: 409 });
  expect(await rest(`/acme/tasks/${id}:subscribe`, { method: "POST" })).toMatchObject({ status: 400 });
  expect(await result(a2a.rpc("GetTask", { id, tenant: "acme" }))).toMatchObject({ id });
  for (const tail of ["/acme/nothing", "/acme/tasks/a/b/c", `/acme/other/tasks/${id}`])
    expect([tail, (await rest(tail)).status]).toEqual([tail, 404]);
});

test("extensions that nobody here has are ignored, and none is said to be active", async () => {
  for (const name of ["a2a-extensions", "x-a2a-extensions"]) {
    const headers = { ...V1, [name]: "urn:example:one, https://example.org/two" };
    const answer = await a2a.rpc("SendMessage", { message: message("Hello", { extensions: ["urn:example:one"] }) }, { headers });
    expect(stateOf(at(answer.body, "result", "task"))).toBe("TASK_STATE_COMPLETED");
    expect(at(answer.body, "result", "task", "history", 0, "extensions")).toEqual(["urn:example:one"]);
    expect(answer.headers.get(name)).toBeNull();
  }
});

describe("JSON-RPC", () => {
  test("a call without an id is answered, with none", async () => {
    const answer = await system.rest().call(a2a.path(), { body: { jsonrpc: "2.0", method: "ListTasks" }, headers: V1 });
    expect(answer).toMatchObject({ status: 200, body: { id: null, result: { tasks: expect.any(Array) } } });
  });

  test("in 0.3 a task is found by every name that its clients have for it", async () => {
    const id = idOf(await a2a.send());
    for (const name of ["id", "taskId", "task_id"])
      expect(await result(a2a.rpc("tasks/get", { [name]: id }, { version: null }))).toMatchObject({ id, status: { state: "completed" } });
    expect(await errorOf(a2a.rpc("GetTask", { taskId: id }))).toMatchObject({ code: -32602 });
  });

  test("what no database can hold, or look for, is a bad parameter wherever it stands", async () => {
    const id = idOf(await a2a.send());
    const odd = ["/tasks?contextId=%00", "/tasks?pageToken=%00", `/tasks/${id}/pushNotificationConfigs/%00`, "/%00/tasks"];
    const times = ["0000-01-01T00:00:00Z", "2020-01-01T00:00:00%2B23:59"].map((time) => `/tasks?statusTimestampAfter=${time}`);
    for (const tail of [...odd, ...times]) expect([tail, (await rest(tail)).status]).toEqual([tail, 400]);
    expect(await errorOf(a2a.rpc("ListTasks", { statusTimestampAfter: "0000-01-01T00:00:00Z" }))).toMatchObject({ code: -32602 });
  });

  test("who calls is looked at before what they send", async () => {
    for (const [where, headers] of [
      ["", V1],
      ["/message:send", V1],
    ] as const) {
      const nobody = await system.rest(0, null).call(a2a.path(where), { body: '{"half', headers });
      expect([where, nobody.status, nobody.headers.get("www-authenticate")]).toEqual([where, 401, "Bearer"]);
    }
  });

  test("the times of a task are UTC, to the millisecond", async () => {
    expect(at(await a2a.send(), "status", "timestamp")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test("the first task of a stream has as much history as is wanted", async () => {
    for (const [historyLength, told] of [
      [0, undefined],
      [1, 1],
    ] as const) {
      const stream = await a2a.open("SendStreamingMessage", { message: message("Hello"), configuration: { historyLength } });
      await stream.over;
      const history = at(stream.frames[0], "result", "task", "history") as unknown[] | undefined;
      expect([historyLength, history?.length]).toEqual([historyLength, told]);
    }
  });
});

describe("HTTP+JSON", () => {
  test("is taken by both names of its media type; 1.0 answers by its own, 0.3 and every refusal as JSON", async () => {
    const typeOf = ({ headers }: { headers: Headers }) => headers.get("content-type")?.split(";")[0];
    for (const type of ["application/json", "application/a2a+json", "application/a2a+json; charset=utf-8"]) {
      const body = JSON.stringify({ message: message("Hello") });
      const sent = await rest("/message:send", { body, headers: { ...V1, "content-type": type } });
      expect([type, sent.status, typeOf(sent)]).toEqual([type, 200, "application/a2a+json"]);
    }
    const refused = await rest(`/tasks/${randomUUID()}`);
    expect([refused.status, typeOf(refused)]).toEqual([404, "application/json"]);
    const body = { message: { messageId: randomUUID(), role: "ROLE_USER", content: [{ text: "Hello" }] } };
    const legacy = await rest("/v1/message:send", { body, headers: {} });
    expect([legacy.status, typeOf(legacy), at(legacy.body, "task", "status", "state")]).toEqual([
      201,
      "application/json",
      "TASK_STATE_COMPLETED",
    ]);
  });

  test.each(["GET", "POST"])("a task is subscribed to by %s, and what is refused is refused before the stream", async (method) => {
    system.model.script(ASK);
    const id = idOf(await a2a.send("Choose"));
    const leaving = new AbortController();
    const response = await fetch(`${system.apis[0]?.url}${a2a.path(`/tasks/${id}:subscribe`)}`, {
      ...{ method, signal: leaving.signal },
      headers: { ...V1, "x-api-key": system.ours.apiKey },
    });
    expect(
      Object.fromEntries(["content-type", "cache-control", "x-accel-buffering"].map((name) => [name, response.headers.get(name)])),
    ).toEqual({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    });
    const first = await response.body?.getReader().read();
    const text = new TextDecoder().decode(first?.value);
    leaving.abort();
    expect(text).toMatch(/^data: \{"task":.*\}\n\n$/);
    expect(JSON.parse(text.slice(6))).toMatchObject({ task: { id, status: { state: "TASK_STATE_INPUT_REQUIRED" } } });
    const unknown = await rest(`/tasks/${randomUUID()}:subscribe`, { method });
    expect(unknown).toMatchObject({ status: 404, body: { error: { status: "NOT_FOUND", details: info("TASK_NOT_FOUND") } } });
    expect(await rest("/message:stream", { body: { message: message("", { parts: [] }) } })).toMatchObject({ status: 400 });
    expect(stateOf(await result(a2a.rpc("CancelTask", { id })))).toBe("TASK_STATE_CANCELED");
  });

  test("the card for those who may use the agent stands where each version looks for it", async () => {
    const known = { name: "Clerk", supportedInterfaces: expect.any(Array) };
    expect(await rest("/extendedAgentCard")).toMatchObject({ status: 200, body: known });
    for (const tail of ["/v1/card", "/agent/authenticatedExtendedCard"]) {
      expect([tail, await rest(tail, { headers: {} })]).toMatchObject([
        tail,
        { status: 200, body: { ...known, protocolVersion: "0.3.0" } },
      ]);
    }
    const legacy = a2a.rpc("agent/getAuthenticatedExtendedCard", undefined, { version: null });
    expect(await result(legacy)).toMatchObject({ ...known, protocolVersion: "0.3.0" });
  });
});

test("no card offers what is not there: no gRPC, no extensions, no signatures", async () => {
  for (const headers of [V1, {}]) {
    const { body } = await system.rest(0, null).call(a2a.path("/.well-known/agent-card.json"), { headers });
    const bindings = (at(body, "supportedInterfaces") as { protocolBinding: string }[]).map(({ protocolBinding }) => protocolBinding);
    expect(new Set(bindings)).toEqual(new Set(["JSONRPC", "HTTP+JSON"]));
    expect(at(body, "capabilities")).not.toHaveProperty("extensions");
    expect(body).not.toHaveProperty("signatures");
  }
});
