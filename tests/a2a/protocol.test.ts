import { randomUUID } from "node:crypto";
import { at, type RestAnswer, type RestRequest, type System, startSystem, type Tenant } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

let system: System;
let theirs: Tenant;
let agentId: string;
beforeAll(async () => {
  system = await startSystem({ apis: 2, leaseMs: 3_000, env: { LIMIT_SYNC_WAIT_MS: "20000" } });
  theirs = await system.newTenant("theirs");
  agentId = await system.ours.newAgent({ name: "Clerk", description: "Answers", mayAsk: true });
  system.model.otherwise({ text: ["the answer"] });
});
afterAll(() => system.close());

const V1 = { "a2a-version": "1.0" };
const path = (tail = ""): string => `/a2a/agents/${agentId}${tail}`;

interface RpcRequest extends RestRequest {
  id?: unknown;
  version?: string | null;
  key?: string | null;
  api?: number;
}
/** One JSON-RPC call; version 1.0 where nothing else is said. */
function rpc(method: string, params: unknown, { id = 1, version = "1.0", key, api = 0, ...request }: RpcRequest = {}): Promise<RestAnswer> {
  const headers = version === null ? {} : { "a2a-version": version };
  return system.rest(api, key).call(path(), { body: { jsonrpc: "2.0", id, method, params }, headers, ...request });
}
const result = async (answer: Promise<RestAnswer>): Promise<unknown> => {
  const { status, body } = await answer;
  if (status !== 200 || at(body, "error") !== undefined) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return at(body, "result");
};
const errorOf = async (answer: Promise<RestAnswer>): Promise<unknown> => {
  const { status, body } = await answer;
  expect(status).toBe(200);
  return at(body, "error");
};

const message = (text: string, more: object = {}) => ({ messageId: randomUUID(), role: "ROLE_USER", parts: [{ text }], ...more });
const send = async (text = "Hello", more: object = {}, configuration: object = {}): Promise<Record<string, unknown>> =>
  at(await result(rpc("SendMessage", { message: message(text, more), configuration })), "task") as Record<string, unknown>;
const idOf = (task: unknown): string => String(at(task, "id"));
const stateOf = (task: unknown): unknown => at(task, "status", "state");

const ASK = { toolCalls: [{ name: "ask_user_questions", arguments: { questions: [{ id: "q", text: "Which one?" }] } }] };
const info = (reason: string) => [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain: "a2a-protocol.org" }];

/** What an open stream has said. */
interface Reader {
  frames: unknown[];
  /** Resolves when the gateway has ended it. */
  over: Promise<void>;
  leave(): void;
}
async function open(method: string, params: unknown, { version = "1.0", api = 0, id = "s" as unknown } = {}): Promise<Reader> {
  const gone = new AbortController();
  const response = await fetch(`${system.apis[api]?.url}${path()}`, {
    method: "POST",
    headers: { "x-api-key": system.ours.apiKey, "content-type": "application/json", "a2a-version": version },
    body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
    signal: gone.signal,
  });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream")) throw new Error(await response.text());
  const frames: unknown[] = [];
  const read = async (): Promise<void> => {
    let text = "";
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += piece;
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) if (part.startsWith("data: ")) frames.push(JSON.parse(part.slice(6)));
    }
  };
  const over = read().catch((error: unknown) => {
    if (!gone.signal.aborted) throw error;
  });
  return { frames, over, leave: () => gone.abort() };
}
const resultsOf = ({ frames }: Reader): unknown[] => frames.map((frame) => at(frame, "result"));

/** A turn that the test lets go on. */
function held(text: string): () => void {
  let goOn = (): void => {};
  const after = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  system.model.script({ text, after });
  return goOn;
}

describe("the card", () => {
  const card = (headers: Record<string, string> = {}, where = path("/.well-known/agent-card.json")) =>
    system.rest(0, null).call(where, { headers });

  test("is public, in both versions, and has all that readers of either ask for", async () => {
    const url = `${system.apis[0]?.url}${path()}`;
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
    expect((await card({}, path("/.well-known/agent.json"))).text).toBe(hybrid.text);
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
    const extended = await system.rest(0, null).call(path("/extendedAgentCard"), { headers: V1 });
    expect([extended.status, extended.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect(await result(rpc("GetExtendedAgentCard", undefined))).toMatchObject({ name: "Clerk" });
  });
});

describe("versions", () => {
  test("no version, and an empty one, are 0.3; a patch makes no difference; what there is not is refused", async () => {
    for (const version of [null, "", "0.3", "0.3.0"]) {
      expect(await errorOf(rpc("SendMessage", {}, { version }))).toMatchObject({ code: -32601 });
      expect(await errorOf(rpc("tasks/get", { id: randomUUID() }, { version }))).toEqual({ code: -32001, message: expect.any(String) });
    }
    expect(await errorOf(rpc("GetTask", { id: randomUUID() }, { version: "1.0.3" }))).toMatchObject({ code: -32001 });
    for (const version of ["99.0", "1", "2.0", "1.0; x"]) {
      expect(await errorOf(rpc("GetTask", {}, { version }))).toMatchObject({ code: -32009, data: info("VERSION_NOT_SUPPORTED") });
    }
    const query = await system.rest().call(path("/tasks?A2A-Version=1.0"));
    expect(query).toMatchObject({ status: 200, body: { tasks: expect.any(Array) } });
    expect(await system.rest().call(path("/tasks"))).toMatchObject({ status: 400 });
    expect(await system.rest().call(path("/v1/tasks"), { headers: V1 })).toMatchObject({ status: 400 });
  });

  test("answers have no shapes of the other version", async () => {
    const fresh = JSON.stringify(await send());
    expect(fresh).not.toMatch(/"kind"|"final"|"completed"/);
    const old = await result(
      rpc(
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
    for (const id of [1, "1", 0, "", "x y", -5]) expect(at((await rpc("ListTasks", {}, { id })).body, "id")).toBe(id);
    expect(
      (await system.rest().call(`${path()}/`, { body: { jsonrpc: "2.0", id: "a", method: "ListTasks" }, headers: V1 })).body,
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
    expect(await errorOf(system.rest().call(path(), { body, headers: V1 }))).toMatchObject({ code, message: expect.any(String) });
  });

  test("a body of another type is refused, and unknown members are ignored", async () => {
    const wrong = {
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ListTasks" }),
      headers: { ...V1, "content-type": "text/plain" },
    };
    expect(await errorOf(system.rest().call(path(), wrong))).toMatchObject({ code: -32005, data: info("CONTENT_TYPE_NOT_SUPPORTED") });
    const odd = { message: { ...message("Hello"), oddity: 1 }, configuration: { oddity: true }, oddity: {}, tenant: "x" };
    expect(stateOf(at(await result(rpc("SendMessage", odd, { headers: { ...V1, "a2a-extensions": "urn:none" } })), "task"))).toBe(
      "TASK_STATE_COMPLETED",
    );
  });
});

describe("tasks", () => {
  test("every method knows no task but the caller's own, whoever asks for whichever", async () => {
    const task = idOf(await send());
    const otherKey = await system.ours.newKey({ scopes: ["conversations:read", "conversations:write"] });
    const calls: [string, (id: string) => object][] = [
      ["GetTask", (id) => ({ id })],
      ["CancelTask", (id) => ({ id })],
      ["SubscribeToTask", (id) => ({ id })],
      ["SendMessage", (taskId) => ({ message: message("mine now", { taskId }) })],
      ["SendStreamingMessage", (taskId) => ({ message: message("mine now", { taskId }) })],
      ["CreateTaskPushNotificationConfig", (taskId) => ({ taskId, url: system.tools.url })],
      ["GetTaskPushNotificationConfig", (taskId) => ({ taskId, id: "x" })],
      ["ListTaskPushNotificationConfigs", (taskId) => ({ taskId })],
      ["DeleteTaskPushNotificationConfig", (taskId) => ({ taskId, id: "x" })],
    ];
    for (const [method, params] of calls) {
      const foreign = await errorOf(rpc(method, params(task), { key: otherKey }));
      expect([method, foreign]).toMatchObject([method, { code: -32001, data: info("TASK_NOT_FOUND") }]);
      for (const id of [randomUUID(), "no id of ours", "../x"])
        expect([method, await errorOf(rpc(method, params(id)))]).toEqual([method, foreign]);
    }
    expect(await result(rpc("ListTasks", {}, { key: otherKey }))).toEqual({ tasks: [], nextPageToken: "", pageSize: 50, totalSize: 0 });
    // The agent itself is another organization's: that is not there either.
    expect((await rpc("GetTask", { id: task }, { key: theirs.apiKey })).status).toBe(404);
  });

  test("a scope that is not there is refused by HTTP, as is a credential that is none, with how to come with one", async () => {
    const reader = await system.ours.newKey({ scopes: ["conversations:read"] });
    expect((await rpc("SendMessage", { message: message("x") }, { key: reader })).status).toBe(403);
    expect((await rpc("ListTasks", {}, { key: reader })).status).toBe(200);
    for (const key of [null, "agw_nobody"]) {
      const refused = await rpc("ListTasks", {}, { key });
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    }
  });

  test("an ended one takes no message, cannot be canceled and cannot be subscribed to; another context's name does not fit it", async () => {
    const task = await send();
    const taskId = idOf(task);
    expect(await errorOf(rpc("SendMessage", { message: message("more", { taskId }) }))).toMatchObject({
      code: -32004,
      data: info("UNSUPPORTED_OPERATION"),
    });
    expect(await errorOf(rpc("CancelTask", { id: taskId }))).toMatchObject({ code: -32002, data: info("TASK_NOT_CANCELABLE") });
    expect(await errorOf(rpc("SubscribeToTask", { id: taskId }))).toMatchObject({ code: -32004 });
    expect(await errorOf(rpc("SendMessage", { message: message("more", { taskId, contextId: "another" }) }))).toMatchObject({
      code: -32602,
    });
    const canceled = await system.rest().call(path(`/tasks/${taskId}:cancel`), { method: "POST", headers: V1 });
    expect(canceled).toMatchObject({
      status: 409,
      body: { error: { code: 409, status: "FAILED_PRECONDITION", details: info("TASK_NOT_CANCELABLE") } },
    });
    const unknown = await system.rest().call(path(`/tasks/${randomUUID()}`), { headers: V1 });
    expect(unknown).toMatchObject({ status: 404, body: { error: { status: "NOT_FOUND", details: info("TASK_NOT_FOUND") } } });
    expect((await system.rest().call(path("/message:send"), { body: "{}", headers: { ...V1, "content-type": "text/plain" } })).status).toBe(
      415,
    );
  });

  test("one at work takes no message, and two in one context run one after the other", async () => {
    const goOn = held("first");
    const contextId = randomUUID();
    const first = await send("one", { contextId }, { returnImmediately: true });
    expect(await errorOf(rpc("SendMessage", { message: message("more", { taskId: idOf(first) }) }))).toMatchObject({ code: -32004 });
    const second = await send("two", { contextId }, { returnImmediately: true });
    expect(stateOf(second)).toBe("TASK_STATE_SUBMITTED");
    goOn();
    await expect
      .poll(async () => stateOf(await result(rpc("GetTask", { id: idOf(second) }))), { timeout: 15_000 })
      .toBe("TASK_STATE_COMPLETED");
  });

  test("one that waits in the queue is canceled there, and what runs goes on", async () => {
    const goOn = held("first");
    const contextId = randomUUID();
    const first = await send("one", { contextId }, { returnImmediately: true });
    const second = await send("two", { contextId }, { returnImmediately: true });
    expect(stateOf(await result(rpc("CancelTask", { id: idOf(second) }, { api: 1 })))).toBe("TASK_STATE_CANCELED");
    expect(stateOf(await result(rpc("CancelTask", { id: idOf(second) })))).toBe("TASK_STATE_CANCELED");
    goOn();
    await expect
      .poll(async () => stateOf(await result(rpc("GetTask", { id: idOf(first) }))), { timeout: 15_000 })
      .toBe("TASK_STATE_COMPLETED");
  });

  test("what waits behind one that is canceled goes on", async () => {
    system.model.script({ hang: true });
    const contextId = randomUUID();
    const first = await send("one", { contextId }, { returnImmediately: true });
    const second = await send("two", { contextId }, { returnImmediately: true });
    expect(stateOf(await result(rpc("CancelTask", { id: idOf(first) })))).toBe("TASK_STATE_CANCELED");
    await expect
      .poll(async () => stateOf(await result(rpc("GetTask", { id: idOf(second) }))), { timeout: 15_000 })
      .toBe("TASK_STATE_COMPLETED");
  });

  test("lists show the newest first, in pages, of one context or one state, with artifacts only where they are wanted", async () => {
    const contextId = randomUUID();
    const ids: string[] = [];
    for (const text of ["one", "two", "three"]) ids.unshift(idOf(await send(text, { contextId })));
    const list = (params: object) => result(rpc("ListTasks", { contextId, ...params }));
    const whole = await list({});
    expect(whole).toMatchObject({ nextPageToken: "", pageSize: 50, totalSize: 3 });
    const idsIn = (page: unknown): string[] => (at(page, "tasks") as unknown[]).map(idOf);
    expect(idsIn(whole)).toEqual(ids);
    expect(at(whole, "tasks", 0)).not.toHaveProperty("artifacts");
    expect(at(await list({ includeArtifacts: true }), "tasks", 0, "artifacts", 0, "parts", 0, "text")).toBe("the answer");
    const first = await list({ pageSize: 2 });
    expect(idsIn(first)).toEqual(ids.slice(0, 2));
    const second = await list({ pageSize: 2, pageToken: at(first, "nextPageToken") });
    expect([idsIn(second), at(second, "nextPageToken")]).toEqual([ids.slice(2), ""]);
    expect(idsIn(await list({ status: "TASK_STATE_COMPLETED" }))).toEqual(ids);
    expect(idsIn(await list({ status: "TASK_STATE_WORKING" }))).toEqual([]);
    expect(idsIn(await list({ status: "TASK_STATE_REJECTED" }))).toEqual([]);
    const since = String(at(whole, "tasks", 1, "status", "timestamp"));
    expect(idsIn(await list({ statusTimestampAfter: since }))).toEqual(ids.slice(0, 2));
    const rest = await system.rest().call(path(`/tasks?contextId=${contextId}&pageSize=2&includeArtifacts=true`), { headers: V1 });
    expect(rest.status).toBe(200);
    expect(idsIn(JSON.parse(rest.text))).toEqual(ids.slice(0, 2));
  });

  test("several questions are answered with data; a message that answers none goes on without them, and an approval is not given by it", async () => {
    const questions = [
      { id: "colour", text: "Which colour?", options: [{ id: "r", label: "Red" }] },
      { id: "size", text: "Which size?" },
    ];
    const asks = { toolCalls: [{ name: "ask_user_questions", arguments: { questions } }] };
    system.model.script(asks, { text: "both heard" }, asks, { text: "never mind" });
    const asked = await send("Choose");
    expect(at(asked, "status", "message", "parts", 1, "data")).toMatchObject({ kind: "questions", questions });
    const answers = [
      { questionId: "colour", selectedOptionIds: ["r"] },
      { questionId: "size", answer: "Large" },
    ];
    const done = await send("", { taskId: idOf(asked), parts: [{ data: { answers } }] });
    expect([stateOf(done), at(done, "artifacts", 0, "parts", 0, "text")]).toEqual(["TASK_STATE_COMPLETED", "both heard"]);
    const again = await send("Choose again");
    expect(stateOf(await send("Forget it", { taskId: idOf(again) }))).toBe("TASK_STATE_COMPLETED");
  });
});

describe("streams", () => {
  test("all of one task say the same in the same order, one that is left harms no other, and those who subscribe stay for the answer", async () => {
    const goOn = held("A long answer");
    const id = idOf(await send("Hello", {}, { returnImmediately: true }));
    await expect.poll(async () => stateOf(await result(rpc("GetTask", { id })))).toBe("TASK_STATE_WORKING");
    const readers = await Promise.all([0, 1, 0].map((api) => open("SubscribeToTask", { id }, { api, id: 7 })));
    const [one, other, leaving] = readers as [Reader, Reader, Reader];
    await expect.poll(() => readers.map(({ frames }) => frames.length)).toEqual([1, 1, 1]);
    leaving.leave();
    goOn();
    await Promise.all([one.over, other.over]);
    expect(other.frames).toEqual(one.frames);
    for (const frame of one.frames) expect(frame).toMatchObject({ jsonrpc: "2.0", id: 7 });
    expect(Object.keys(resultsOf(one)[0] as object)).toEqual(["task"]);
    expect(at(resultsOf(one).at(-1), "statusUpdate", "status", "state")).toBe("TASK_STATE_COMPLETED");
  });

  test("one of a message ends at a question, one of a subscriber at the task's end, which another call brings", async () => {
    system.model.script(ASK, { text: "Red it is" });
    const sender = await open("SendStreamingMessage", { message: message("Choose") });
    await sender.over;
    const last = resultsOf(sender).at(-1);
    expect(at(last, "statusUpdate", "status")).toMatchObject({
      state: "TASK_STATE_INPUT_REQUIRED",
      message: { role: "ROLE_AGENT", parts: [{ text: "Which one?" }, {}] },
    });
    const id = String(at(last, "statusUpdate", "taskId"));
    const subscriber = await open("SubscribeToTask", { id }, { api: 1 });
    await expect.poll(() => subscriber.frames.length).toBe(1);
    await send("Red", { taskId: id });
    await subscriber.over;
    const states = resultsOf(subscriber).flatMap((one) => at(one, "statusUpdate", "status", "state") ?? []);
    expect(states).toEqual(["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]);
  });

  test("in version 0.3 the last update is final, and a task that has ended is told as it is", async () => {
    const params = { message: { messageId: randomUUID(), role: "user", parts: [{ kind: "text", text: "Hello" }] } };
    const stream = await open("message/stream", params, { version: "0.3" });
    await stream.over;
    const updates = resultsOf(stream).filter((one) => at(one, "kind") === "status-update");
    expect(updates.map((one) => [at(one, "status", "state"), at(one, "final")])).toEqual([
      ...updates.slice(1).map(() => ["working", false]),
      ["completed", true],
    ]);
    const again = await open("tasks/resubscribe", { id: at(resultsOf(stream)[0], "id") }, { version: "0.3" });
    await again.over;
    expect(resultsOf(again)).toMatchObject([{ kind: "task", status: { state: "completed" } }]);
  });

  test("one whose worker is killed sends the answer again in place of what was there, and ends as its task does", async () => {
    system.model.script({ text: ["Half of ", "it"], breaks: { afterChunks: 1, how: "hang" } }, { text: "All of it" });
    const stream = await open("SendStreamingMessage", { message: message("Survive") });
    await expect
      .poll(() => stream.frames.some((frame) => at(frame, "result", "artifactUpdate") !== undefined), { timeout: 15_000 })
      .toBe(true);
    await system.workers[0]?.kill();
    await system.workers[0]?.restart();
    await stream.over;
    let answer = "";
    for (const one of resultsOf(stream)) {
      const text = at(one, "artifactUpdate", "artifact", "parts", 0, "text");
      if (text !== undefined) answer = at(one, "artifactUpdate", "append") === true ? answer + String(text) : String(text);
    }
    const task = await result(rpc("GetTask", { id: String(at(resultsOf(stream)[0], "task", "id")) }));
    expect([answer, stateOf(task), at(task, "artifacts", 0, "parts", 0, "text")]).toEqual([
      "All of it",
      "TASK_STATE_COMPLETED",
      "All of it",
    ]);
  });
});
