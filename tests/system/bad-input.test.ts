import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { ERRORS } from "@parley/contracts";
import { at, type RestAnswer, type RestRequest, type System, startSystem } from "@parley/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callTrpc } from "./support/call-trpc.ts";
import { gatewayOf } from "./support/gateway-paths.ts";
import { openTrpcSocket } from "./support/trpc-socket.ts";

/** Words of our insides, which no caller may read. */
const LEAK = /node_modules|\.ts:|\.js:|\bat \S+ \(|select |insert |postgres|pg_|sqlstate|PY001|redis|ECONN|stack/i;
const encoded = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const bytes = (...parts: (string | number[])[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...encoded(part)] : part)));
const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;

let system: System;
let agent: string;
let conversation: string;
let head: string;
let before: Record<string, number>;
let pid: number;
beforeAll(async () => {
  system = await startSystem();
  agent = await system.ours.newAgent();
  const gateway = gatewayOf(system.rest(), agent);
  conversation = String(at((await gateway.invoke("Hello")).body, "id"));
  head = String(at((await gateway.state(conversation)).body, "cursor"));
  pid = system.apis[0]?.process.pid ?? 0;
});
afterAll(() => system.close());
beforeEach(async () => {
  before = await system.rowCounts();
});
afterEach(async () => {
  expect(await system.rowCounts()).toEqual(before);
  expect(system.apis[0]?.process).toMatchObject({ pid, complaints: "" });
  expect(system.apis[0]?.process.hasExited()).toBe(false);
  expect(await system.rest(0, null).call("/health")).toMatchObject({ status: 200 });
});

const NOT_JSON = "The body must be application/json in UTF-8.";
const TOO_DEEP = "The body is nested deeper than 64 levels.";

/** What is wrong with a body before anyone asks what it means. */
const BODIES: [what: string, status: number, request: RestRequest, detail: string][] = [
  ["one byte over the limit", 413, { body: `{"input":{"text":"${"x".repeat(1_048_576)}"}}` }, ERRORS.body_too_large.text],
  ["no UTF-8", 400, { body: bytes('{"input":{"text":"', [0xff, 0xfe, 0xc0], '"}}') }, "The body is not UTF-8."],
  ["UTF-8 that is cut", 400, { body: bytes('{"input":{"text":"', [0xe2, 0x82], '"}}') }, "The body is not UTF-8."],
  ["no JSON", 400, { body: "input=Hello" }, "The body is not JSON."],
  ["half of its JSON", 400, { body: '{"input":{"text":"Hel' }, "The body is not JSON."],
  ["JSON nested 65 deep", 400, { body: `{"input":{"text":"Hello"},"payload_extension":{"a":${nested(64)}}}` }, TOO_DEEP],
  ["JSON nested 200,000 deep", 400, { body: nested(200_000) }, TOO_DEEP],
  ["plain text", 415, { body: '{"input":{"text":"Hello"}}', headers: { "content-type": "text/plain" } }, NOT_JSON],
  ["a form", 415, { body: "input=Hello", headers: { "content-type": "application/x-www-form-urlencoded" } }, NOT_JSON],
  [
    "another character set",
    415,
    { body: '{"input":{"text":"Hello"}}', headers: { "content-type": "application/json; charset=utf-16" } },
    NOT_JSON,
  ],
  [
    "compressed",
    415,
    { body: bytes([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0]), headers: { "content-encoding": "gzip" } },
    ERRORS.unsupported_media_type.text,
  ],
];

/** What is wrong with what it says. */
const INPUTS: [what: string, input: unknown][] = [
  ["nothing", {}],
  ["an empty text", { input: { text: "" } }],
  ["a number for the text", { input: { text: 7 } }],
  ["a list", []],
  ["null", null],
  ["nothing but __proto__", JSON.parse('{"__proto__":{"input":{"text":"Hello"}}}')],
];

/** JSON that says what no database of ours can keep. */
const UNKEEPABLE: [what: string, input: unknown][] = [
  ["a NUL in the text", { input: { text: "a\u0000b" } }],
  ["half a character in the text", { input: { text: "a\ud800b" } }],
  ["a NUL in a member's name", { input: { text: "Hello" }, payload_extension: { "a\u0000b": 1 } }],
  ["a NUL in the user", { input: { text: "Hello", user: { email: "a\u0000b@example.org" } } }],
  ["a NUL in the title", { input: { text: "Hello" }, title: "\u0000" }],
  ["a NUL in the idempotency key", { input: { text: "Hello" }, idempotency_key: "\u0000" }],
];

/** Where the input is wrong and what is wrong there. */
const FIELDS: unknown = expect.arrayContaining([{ loc: expect.any(Array), msg: expect.any(String), type: expect.any(String) }]);

function expectRefusal(answer: RestAnswer, status: number, detail: unknown): void {
  expect(answer.text).not.toMatch(LEAK);
  expect([answer.status, answer.body]).toEqual([status, { detail }]);
  expect(answer.headers.get("x-request-id")).toMatch(/^[\w-]+$/);
}

describe("REST v1", () => {
  const base = () => `/v1/agents/${agent}/gateway`;
  const posts = () => [`${base()}/invoke`, `${base()}/invoke/stream`, `/v1/agents/${agent}/invoke/async`];

  test.each(BODIES)("refuses a body that is %s with %i", async (_what, status, request, detail) => {
    for (const path of [...posts(), `${base()}/conversations/${conversation}/messages`, `${base()}/conversations/${conversation}/stop`]) {
      expectRefusal(await system.rest().call(path, { method: "POST", ...request }), status, detail);
    }
  });

  test("refuses a text over the limit with 413 before any stream begins", async () => {
    const detail = "The message is longer than 262144 characters.";
    for (const path of posts()) {
      expectRefusal(await system.rest().call(path, { body: { input: { text: "x".repeat(262_145) } } }), 413, detail);
    }
    const message = { body: { text: "x".repeat(262_145), mode: "queue" } };
    expectRefusal(await system.rest().call(`${base()}/conversations/${conversation}/messages`, message), 413, detail);
  });

  test.each(INPUTS)("refuses %s with 422 and the place of what is wrong", async (_what, body) => {
    for (const path of posts()) {
      const answer = await system.rest().call(path, { method: "POST", body });
      expectRefusal(answer, 422, FIELDS);
      expect(at(answer.body, "detail", 0)).toMatchObject({
        loc: expect.arrayContaining(["body"]),
        msg: expect.any(String),
        type: expect.any(String),
      });
    }
  });

  test.each(UNKEEPABLE)("refuses %s with 400", async (_what, body) => {
    for (const path of posts())
      expectRefusal(await system.rest().call(path, { body }), 400, "Text may hold neither U+0000 nor half a character.");
  });

  test("refuses an empty body, where one is needed", async () => {
    for (const path of posts()) expectRefusal(await system.rest().call(path, { method: "POST" }), 422, FIELDS);
  });

  test.each([
    ["a cursor that is none", "nonsense"],
    ["a cursor of a far epoch", "900000000000000-1"],
    ["a cursor beyond the log's end", "beyond"],
    ["a cursor with more digits than there are", `1-${"9".repeat(40)}`],
  ])("refuses %s on every stream", async (_what, cursor) => {
    const [status, detail] = [400, ERRORS.invalid_cursor.text];
    const [epoch, n] = head.split("-").map(Number);
    const headers = { "last-event-id": cursor === "beyond" ? `${epoch}-${Number(n) + 1}` : cursor };
    const on = `${base()}/conversations/${conversation}`;
    expectRefusal(await system.rest().call(`${on}/events`, { headers }), status, detail);
    expectRefusal(await system.rest().call(`${on}/events?after=${headers["last-event-id"]}`), status, detail);
    expectRefusal(await system.rest().call(`${on}/drain/stream`, { method: "POST", headers }), status, detail);
    const body = { input: { text: "Hello" }, id: conversation };
    expectRefusal(await system.rest().call(`${base()}/invoke/stream`, { body, headers }), status, detail);
  });

  test.each([
    ["GET", "/v1/tasks/nope", 422],
    ["GET", "/v1/tasks/%00", 422],
    ["GET", "/v1/tasks/%ff", 400],
    ["GET", "/v1/tasks?per_page=51", 422],
    ["GET", "/v1/tasks?page=1e9", 422],
    ["GET", "/v1/tasks?user_id=%00", 400],
    ["GET", "/v1/tasks?status=nope", 422],
    ["GET", "/v1/tasks?from_date=yesterday", 422],
    ["GET", "/v1/tasks?__proto__=1&__proto__[x]=2", 200],
    ["PUT", "/v1/tasks", 405],
    ["GET", "/v1/tasks/a/b/c/d", 404],
    ["GET", "/v1/agents/../../etc/passwd", 404],
  ])("answers %s %s with %i", async (method, path, status) => {
    const answer = await system.rest().call(path, { method });
    expect(answer.text).not.toMatch(LEAK);
    expect(answer.status).toBe(status);
  });

  test("refuses an Idempotency-Key that is too long, before anything else is done", async () => {
    const headers = { "idempotency-key": "k".repeat(256) };
    for (const path of posts()) expectRefusal(await system.rest().call(path, { body: { input: { text: "Hello" } }, headers }), 422, FIELDS);
  });

  test("keeps nothing of a body that is cut in the middle", async () => {
    const { hostname, port } = new URL(system.apis[0]?.url ?? "");
    for (const path of [...posts(), "/trpc/turn.submit", "/trpc/turn.stream", "/admin/organizations"]) {
      const socket = connect(Number(port), hostname);
      await once(socket, "connect");
      const start = `POST ${path} HTTP/1.1\r\nhost: a\r\nx-api-key: ${system.ours.apiKey}\r\nx-admin-secret: ${system.adminSecret}\r\n`;
      socket.write(`${start}content-type: application/json\r\ncontent-length: 500\r\n\r\n{"input":{"text":"Hel`);
      await once(socket.end().resume(), "close");
    }
  });
});

test("the request line and headers are bounded, and what is no HTTP is answered as such", async () => {
  const { hostname, port } = new URL(system.apis[0]?.url ?? "");
  for (const [text, status] of [
    [`GET /${"x".repeat(100_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
    ["this is no request\r\n\r\n", 400],
  ] as const) {
    const socket = connect(Number(port), hostname);
    let heard = "";
    socket.setEncoding("utf8").on("data", (part: string) => {
      heard += part;
    });
    socket.on("error", () => {});
    socket.write(text);
    await once(socket, "close");
    expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(heard).toContain('"error":{"code":"bad_request"');
    expect(heard).not.toMatch(LEAK);
  }
});

/** The same message as tRPC takes it. */
const asSubmit = (input: unknown): unknown => {
  const said = at(input, "input");
  if (said === undefined) return input;
  const { input: _, payload_extension: payloadExtension, title, idempotency_key: idempotencyKey } = input as Record<string, unknown>;
  return { agentId: agent, ...(said as object), idempotencyKey: idempotencyKey ?? randomUUID(), options: { payloadExtension, title } };
};
const invalid = { ok: false, code: "invalid_input", status: 422 };
const badCursor = { code: "invalid_cursor", status: 400 };

describe("tRPC over HTTP", () => {
  test.each(BODIES)("refuses a body that is %s with %i", async (_what, status, request) => {
    const answer = await system.rest().call("/trpc/turn.submit", { method: "POST", ...request });
    expect(answer.text).not.toMatch(LEAK);
    expect([answer.status, at(answer.body, "error", "data", "httpStatus")]).toEqual([status, status]);
    const stream = await system.rest().call("/trpc/turn.stream", { method: "POST", ...request });
    expect(stream.text).not.toMatch(LEAK);
    expect(stream.text).toContain(`"httpStatus":${status}`);
  });

  test.each(INPUTS)("refuses %s as invalid_input", async (_what, input) => {
    expect(await callTrpc(system.rest(), "mutation", "turn.submit", asSubmit(input))).toMatchObject(invalid);
    expect(await callTrpc(system.rest(), "subscription", "turn.stream", asSubmit(input))).toMatchObject(invalid);
  });

  test.each(UNKEEPABLE)("refuses %s as bad_request", async (_what, input) => {
    const refusal = { ok: false, code: "bad_request", status: 400 };
    expect(await callTrpc(system.rest(), "mutation", "turn.submit", asSubmit(input))).toMatchObject(refusal);
    expect(await callTrpc(system.rest(), "subscription", "turn.stream", asSubmit(input))).toMatchObject(refusal);
    expect(await callTrpc(system.rest(), "query", "execution.list", { userId: JSON.stringify(input) })).toMatchObject({ ok: true });
    expect(await callTrpc(system.rest(), "query", "execution.list", { userId: "\u0000" })).toMatchObject(refusal);
  });

  test("refuses procedures that are none, other methods, inputs that are no JSON, and batches beyond the bound", async () => {
    for (const [path, request, status] of [
      ["/trpc/nope.nope", {}, 404],
      ["/trpc/__proto__", {}, 404],
      ["/trpc/turn.submit", {}, 405],
      ["/trpc/conversation.get?input={", {}, 400],
      [`/trpc/${Array.from({ length: 21 }, () => "system.health").join(",")}?batch=1&input={}`, {}, 400],
      ["/trpc/system.health", { method: "DELETE" }, 405],
    ] as const) {
      const answer = await system.rest().call(path, request);
      expect(answer.text).not.toMatch(LEAK);
      expect([path, answer.status]).toEqual([path, status]);
    }
  });

  test.each(["nonsense", "900000000000000-1"])("refuses to follow from the cursor %s", async (after) => {
    const outcome = await callTrpc(system.rest(), "subscription", "turn.follow", { conversationId: conversation, after });
    expect(outcome).toMatchObject(badCursor);
  });
});

describe("tRPC over WebSocket", () => {
  test("refuses bad inputs call by call, and the socket goes on", async () => {
    const socket = await openTrpcSocket(system.apis[0]?.url ?? "", system.ours.apiKey);
    for (const [what, input] of INPUTS) {
      for (const [method, path] of [
        ["mutation", "turn.submit"],
        ["subscription", "turn.stream"],
      ] as const) {
        const { error } = await socket.call(method, path, asSubmit(input));
        expect([what, error]).toMatchObject([what, { data: { code: "invalid_input", httpStatus: 422 } }]);
        expect(JSON.stringify(error)).not.toMatch(LEAK);
      }
    }
    const future = await socket.call("subscription", "turn.follow", { conversationId: conversation, after: "900000000000000-1" });
    expect(future.error?.data).toMatchObject({ code: "invalid_cursor", httpStatus: 400 });
    expect((await socket.call("query", "nope.nope", {})).error?.data).toMatchObject({ code: "not_found" });
    expect(await socket.call("query", "system.health", undefined)).toMatchObject({ result: { data: { status: "ok" } } });
    await socket.close();
  });

  test.each([
    ["no JSON", "{"],
    ["binary", Uint8Array.from([0xff, 0xfe])],
    ["nested 200,000 deep", nested(200_000)],
    ["not a call", '"hello"'],
    ["a call with a NUL in it", '{"id":1,"method":"mutation","params":{"path":"turn.submit","input":{"text":"\\u0000"}}}'],
    ["a call of nothing", '{"id":1,"method":"query","params":{}}'],
  ])("answers a frame that is %s with a typed refusal", async (_what, frame) => {
    const socket = await openTrpcSocket(system.apis[0]?.url ?? "", system.ours.apiKey);
    const answer = socket.next();
    socket.send(frame);
    const told = await answer;
    expect(JSON.stringify(told)).not.toMatch(LEAK);
    expect(told).toMatchObject({ error: { data: { code: expect.stringMatching(/^(bad_request|invalid_input|not_found)$/) } } });
    await socket.close();
  });

  test("cuts a socket that sends a frame over the limit", async () => {
    const socket = await openTrpcSocket(system.apis[0]?.url ?? "", system.ours.apiKey);
    socket.send("x".repeat(1_048_577));
    expect(await socket.closed).toBe(1009);
  });
});

test("a key named __proto__ in what a caller may say freely changes nothing but is no obstacle", async () => {
  const payload = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"kept":1}');
  const answer = await gatewayOf(system.rest(), agent).invoke("Hello", { payload_extension: payload });
  expect(answer).toMatchObject({ status: 200, body: { status: "completed", payload_extension: { kept: 1 } } });
  expect(answer.text).not.toContain("__proto__");
  expect(at((await system.rest(0, null).call("/health")).body, "polluted")).toBeUndefined();
  before = await system.rowCounts();
});
