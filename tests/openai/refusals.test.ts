import { ROUTES, routeRow } from "@parley/router";
import { at, type RestAnswer, type RestRequest } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type OpenaiSystem, startOpenai } from "./support/start-openai.ts";

let door: OpenaiSystem;
let bareKey: string;
let apiKey: string;
beforeAll(async () => {
  door = await startOpenai({
    LIMIT_MODEL_BODY_BYTES_MAX: "2048",
    LIMIT_AUDIO_BYTES_MAX: "2048",
    // More than all other tests here call together, within a window that does not end.
    LIMIT_TURN_CALLS_MAX: "200",
    LIMIT_STREAM_CALLS_MAX: "1",
    LIMIT_RATE_WINDOW_MS: "3600000",
    LIMIT_SYNC_WAIT_MS: "300",
    MODELS_PUBLIC: "true",
  });
  bareKey = await door.system.ours.newKey({ scopes: ["conversations:write"] });
  apiKey = await door.system.ours.newKey({ scopes: ["api"] });
});
afterAll(() => door.close());

const NAMES = (Object.keys(ROUTES) as (keyof typeof ROUTES)[]).filter((name) => name.startsWith("openai."));
const POSTS = NAMES.flatMap((name) => (routeRow(name).rest ?? []).filter(({ method }) => method === "POST").map(({ path }) => path)).filter(
  (path) => !path.startsWith("/v1/responses"),
);
const JSON_POSTS = POSTS.filter((path) => !path.endsWith("/transcriptions"));

const call = (path: string, request: RestRequest = {}, key: string | null = apiKey): Promise<RestAnswer> =>
  door.system.rest(0, key).call(path, request);

/** The envelope, with all of its four members and nothing else. */
function expectRefusal(answer: RestAnswer, status: number, error: Record<string, unknown>): void {
  expect([answer.status, answer.body]).toMatchObject([status, { error }]);
  expect(Object.keys(at(answer.body, "error") as object).sort()).toEqual(["code", "message", "param", "type"]);
  expect(answer.headers.get("x-request-id")).toMatch(/.+/);
}

const form = (fields: Record<string, string | File>): FormData => {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
};

test("there are routes to be tried", () => expect([POSTS.length, JSON_POSTS.length]).toEqual([4, 3]));

describe.each(POSTS)("POST %s answers in OpenAI's envelope", (path) => {
  test("who has no credential, a wrong one, or one that may not", async () => {
    const body = { model: "local/chat" };
    const unknown = { type: "authentication_error", code: "invalid_api_key", param: null };
    expectRefusal(await call(path, { body }, null), 401, unknown);
    expectRefusal(await call(path, { body }, "agw_nobody"), 401, unknown);
    expectRefusal(await call(path, { body }, bareKey), 403, { type: "permission_error", code: "missing_scope", param: null });
  });

  test("another method", async () => {
    const answer = await call(path, { method: "PATCH" });
    expectRefusal(answer, 405, { type: "invalid_request_error" });
    expect(answer.headers.get("allow")).toBe("POST");
  });

  test("a body of another type, and one that is too large", async () => {
    expectRefusal(await call(path, { body: "model=x", headers: { "content-type": "text/plain" } }), 415, {
      code: "unsupported_media_type",
    });
    const large = path.endsWith("/transcriptions") ? form({ file: new File(["x".repeat(4_000)], "a.wav") }) : { model: "x".repeat(4_000) };
    expectRefusal(await call(path, { body: large }), 413, { code: "body_too_large" });
  });

  test("a model that is missing, no text, or not there", async () => {
    const bodyOf = (model: unknown): unknown =>
      path.endsWith("/transcriptions")
        ? form({ file: new File(["x"], "a.wav"), ...(model !== undefined && { model: String(model) }) })
        : { model, messages: [{ role: "user", content: "x" }], input: "x", voice: "x" };
    expectRefusal(await call(path, { body: bodyOf(undefined) }), 400, { param: "model", code: "missing_required_parameter" });
    for (const name of ["nobody/x", "nothing", "agent/x", "custom/", "custom/\u0000"]) {
      expectRefusal(await call(path, { body: bodyOf(name) }), 404, { param: "model", code: "model_not_found" });
    }
  });
});

describe.each(JSON_POSTS)("POST %s", (path) => {
  test("a body that is no JSON, no object, too deep, or not there", async () => {
    const json = { headers: { "content-type": "application/json" } };
    const wrong = { type: "invalid_request_error", code: null, param: null };
    for (const body of ["{", "[]", '"x"', "null", `{"a":${"[".repeat(100)}${"]".repeat(100)}}`, ""]) {
      expectRefusal(await call(path, { ...json, method: "POST", body }), 400, wrong);
    }
    expectRefusal(await call(path, { ...json, method: "POST", body: new Uint8Array([0x7b, 0xff, 0x7d]) }), 400, wrong);
  });
});

test.each([
  ["messages", { messages: undefined }],
  ["messages", { messages: [] }],
  ["messages[0]", { messages: ["hello"] }],
  ["messages[0].role", { messages: [{ content: "x" }] }],
  ["stream", { stream: "yes" }],
  ["stream_options", { stream_options: { include_usage: true } }],
])("chat names the parameter that is wrong: %s", async (param, more) => {
  const body = { model: "local/chat", messages: [{ role: "user", content: "x" }], ...more };
  expectRefusal(await call("/v1/chat/completions", { body }), 400, { type: "invalid_request_error", param });
});

test.each([
  ["input", { input: undefined }],
  ["input", { input: "" }],
  ["input", { input: [] }],
  ["input", { input: ["a", ""] }],
  ["input", { input: ["a", 1] }],
  ["input", { input: [[1], []] }],
  ["encoding_format", { encoding_format: "hex" }],
  ["dimensions", { dimensions: 0 }],
  ["dimensions", { dimensions: 4_096 }],
])("embeddings name the parameter that is wrong: %s", async (param, more) => {
  expectRefusal(await call("/v1/embeddings", { body: { model: "local/embed", input: "x", ...more } }), 400, { param });
});

test("what is not there is not found, in the same envelope", async () => {
  for (const path of ["/v1/chat", "/v1/chat/other", "/v1/audio", "/v1/audio/translations", "/v1/embeddings/x"]) {
    expectRefusal(await call(path), 404, { type: "invalid_request_error", code: null });
  }
  expectRefusal(await call("/v1/models/%E0%A4%A"), 400, { type: "invalid_request_error" });
});

test("the list of models is for everyone where it is set so, without anyone's agents", async () => {
  const agentId = await door.system.ours.newAgent();
  const idsFor = async (key: string | null) => JSON.stringify((await call("/v1/models", {}, key)).body);
  expect(await idsFor(apiKey)).toContain(agentId);
  expect(await idsFor(null)).toContain("local/chat");
  expect(await idsFor(null)).not.toContain(agentId);
  expectRefusal(await call(`/v1/models/agent/${agentId}`, {}, null), 404, { code: "model_not_found" });
  expectRefusal(await call("/v1/models", {}, bareKey), 403, { code: "missing_scope" });
});

test("who calls too often is told so in the envelope, and when to come back", async () => {
  const key = await door.system.ours.newKey({ scopes: ["api"] });
  const body = { model: "local/embed", input: "x" };
  const refused: RestAnswer[] = [];
  // Where Redis is slow to answer, a process gives out a share of its own: the limit is met a little later.
  for (let batch = 0; batch < 12 && refused.length === 0; batch += 1) {
    const answers = await Promise.all(Array.from({ length: 70 }, () => call("/v1/embeddings", { body }, key)));
    refused.push(...answers.filter(({ status }) => status !== 200));
  }
  expect(refused.length).toBeGreaterThan(0);
  for (const answer of refused) {
    expectRefusal(answer, 429, { type: "rate_limit_error", code: "rate_limit_exceeded" });
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  }
});

test("who repeats a call that goes on for longer than anybody waits is told so, and when to come again", async () => {
  const request = {
    body: { model: "custom/scripted", messages: [{ role: "user", content: "x" }] },
    headers: { "idempotency-key": "one" },
  };
  const key = await door.system.ours.newKey({ scopes: ["api"] });
  const whole = Promise.withResolvers<void>();
  door.system.model.script({ text: "at last", after: whole.promise });
  const first = call("/v1/chat/completions", request, key);
  await expect.poll(() => door.system.model.journal.length, { timeout: 10_000 }).toBe(1);
  const refused = await call("/v1/chat/completions", request, key);
  expectRefusal(refused, 409, { code: "call_under_way", message: "The first call with this idempotency key is still under way." });
  expect([refused.headers.get("retry-after"), refused.headers.get("x-should-retry")]).toEqual(["1", "true"]);
  whole.resolve();
  const { status, text } = await first;
  expect(status).toBe(200);
  expect((await call("/v1/chat/completions", request, key)).text).toBe(text);
});

test("every answer says in OpenAI's words what the limiter has left, how long it took, and which version it is of", async () => {
  const key = await door.system.ours.newKey({ scopes: ["api"] });
  const messages = [{ role: "user", content: "Hi" }];
  const chat = { model: "local/chat", messages };
  const answers = [
    await call("/v1/chat/completions", { body: chat }, key),
    await call("/v1/chat/completions", { body: { ...chat, stream: true } }, key),
    await call("/v1/responses", { body: { model: "local/chat", input: "Hi", stream: true } }, key),
    await call("/v1/responses", { body: { model: "local/chat", input: "Hi" } }, key),
    await call("/v1/embeddings", { body: { model: "nobody/nothing", input: "Hi" } }, key),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 404]);
  for (const { headers } of answers) {
    expect(headers.get("x-ratelimit-limit-requests")).toBe("200");
    expect(headers.get("x-ratelimit-remaining-requests")).toMatch(/^\d+$/);
    expect(headers.get("x-ratelimit-remaining-requests")).toBe(headers.get("ratelimit-remaining"));
    expect(headers.get("x-ratelimit-reset-requests")).toMatch(/^(1h0m0s|59m[0-9]{1,2}s)$/);
    expect(headers.get("openai-version")).toBe("2020-10-01");
    expect(headers.get("openai-processing-ms")).toMatch(/^\d+$/);
  }
  const elsewhere = await call("/v1/tasks", {}, await door.system.ours.newKey({ scopes: ["conversations:read"] }));
  expect([elsewhere.status, elsewhere.headers.get("x-ratelimit-limit-requests")]).toEqual([200, null]);
});

test("a socket too many is refused before its handshake, and told when to come again", async () => {
  const key = await door.system.ours.newKey({ scopes: ["api"] });
  const open = () =>
    new Promise<{ status: number; retryAfter: string | undefined }>((resolve) => {
      const socket = new WebSocket(`${door.baseUrl.replace("http", "ws")}/responses`, { headers: { authorization: `Bearer ${key}` } });
      socket.on("error", () => {});
      socket.once("open", () => {
        socket.terminate();
        resolve({ status: 101, retryAfter: undefined });
      });
      socket.once("unexpected-response", (_, { statusCode = 0, headers }) =>
        resolve({ status: statusCode, retryAfter: headers["retry-after"] }),
      );
    });
  expect(await open()).toEqual({ status: 101, retryAfter: undefined });
  expect(await open()).toEqual({ status: 429, retryAfter: expect.stringMatching(/^\d+$/) });
});
