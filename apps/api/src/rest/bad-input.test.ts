import { once } from "node:events";
import { connect } from "node:net";
import { newId } from "@parley/contracts";
import { expect, test } from "vitest";
import { startDoor } from "./testing/start-door.ts";

const invalid = (loc: (string | number)[], type: string) => ({ status: 422, body: { detail: [{ loc, type, msg: expect.any(String) }] } });

test.each([
  ["an empty body", undefined, invalid(["body"], "missing")],
  ["a list", [], invalid(["body"], "dict_type")],
  ["no input", {}, invalid(["body", "input"], "missing")],
  ["nothing said", { input: {} }, invalid(["body", "input", "text"], "value_error")],
  ["a number for the text", { input: { text: 7 } }, invalid(["body", "input", "text"], "string_type")],
  [
    "a text over the limit",
    { input: { text: "x".repeat(262_145) } },
    { status: 413, body: { detail: "The message is longer than 262144 characters." } },
  ],
  ["a file that is no URL", { input: { files: ["https://example.org", "nope"] } }, invalid(["body", "input", "files", 1], "url_parsing")],
  ["a user without an address", { input: { text: "a", user: {} } }, invalid(["body", "input", "user", "email"], "missing")],
  ["a malformed conversation id", { input: { text: "a" }, id: "nope" }, invalid(["body", "id"], "uuid_parsing")],
  ["a word for a switch", { input: { text: "a" }, run_locally: "yes" }, invalid(["body", "run_locally"], "bool_type")],
  ["an unknown format", { input: { text: "a" }, output_format: "xml" }, invalid(["body", "output_format"], "enum")],
  ["a text for a schema", { input: { text: "a" }, output_schema: "{}" }, invalid(["body", "output_schema"], "dict_type")],
  ["a mode that is not served", { input: { text: "a" }, on_running: "shout" }, invalid(["body", "on_running"], "enum")],
])("%s is refused with the field's path, and nothing is kept", async (_name, body, expected) => {
  const door = await startDoor();
  for (const path of ["/invoke", "/invoke/stream"]) {
    expect(await door.call("POST", door.base + path, body)).toMatchObject(expected);
  }
  expect(door.fake.calls).toEqual([]);
});

test("every wrong field is named at once", async () => {
  const door = await startDoor();
  const { body } = await door.call("POST", `${door.base}/invoke`, { input: { text: 1, files: "a" }, title: 2 });
  expect((body.detail as { loc: unknown }[]).map(({ loc }) => loc)).toEqual([
    ["body", "input", "text"],
    ["body", "input", "files"],
    ["body", "title"],
  ]);
});

test.each([
  ["/v1/agents/nope/gateway/invoke", "POST", ["path", "agent_id"]],
  [`/v1/agents/${newId()}/gateway/conversations/nope`, "GET", ["path", "conversation_id"]],
  [`/v1/agents/${newId()}/gateway/conversations/${newId()}/queue/nope`, "DELETE", ["path", "message_id"]],
  ["/v1/tasks/nope", "GET", ["path", "task_id"]],
] as const)("a malformed id in %s is a 422 at its place", async (path, method, loc) => {
  const door = await startDoor();
  expect(await door.call(method, path)).toMatchObject(invalid([...loc], "uuid_parsing"));
});

test.each([
  ["per_page=51", ["query", "per_page"]],
  ["per_page=0", ["query", "per_page"]],
  ["page=two", ["query", "page"]],
  ["page=1&page=2&page=x", ["query", "page"]],
  ["status=asleep", ["query", "status"]],
  ["agent_id=nope", ["query", "agent_id"]],
  ["from_date=yesterday", ["query", "from_date"]],
])("a task list with ?%s is a 422 at its place", async (query, loc) => {
  const door = await startDoor();
  expect(await door.call("GET", `/v1/tasks?${query}`)).toMatchObject({ status: 422, body: { detail: [{ loc }] } });
});

test("an unknown version or sub_tasks mode, or an endless idempotency key, is a 422", async () => {
  const door = await startDoor();
  const post = (query: string, headers = {}) => door.call("POST", `${door.base}/invoke${query}`, { input: { text: "a" } }, headers);
  expect(await post("?version=newest")).toMatchObject(invalid(["query", "version"], "value_error"));
  expect(await post("?sub_tasks=later")).toMatchObject(invalid(["query", "sub_tasks"], "enum"));
  expect(await post("", { "idempotency-key": "k".repeat(256) })).toMatchObject(invalid(["header", "idempotency-key"], "string_too_long"));
});

test("a number that no row can have is refused, not looked for", async () => {
  const door = await startDoor();
  const thread = `${door.base}/conversations/${newId()}`;
  const body = { input: { text: "a" } };
  for (const number of [2 ** 31, 999_999_999_999, Number.MAX_SAFE_INTEGER]) {
    expect(await door.call("POST", `${door.base}/invoke?version=${number}`, body)).toMatchObject({ status: 422 });
    expect(await door.call("POST", `${thread}/edit/${newId()}`, { ...body, expected_version: number })).toMatchObject({ status: 422 });
    expect(await door.call("PATCH", `${thread}/queue/${newId()}`, { position: number })).toMatchObject({ status: 422 });
    expect(await door.call("GET", `${thread}?branch=${number}`)).toMatchObject({ status: 422 });
  }
  for (const query of ["?before=1-2147483648", "?before=1-9999999999"]) {
    expect(await door.call("GET", thread + query)).toMatchObject({ status: 400 });
    expect(await door.call("GET", `${thread}/events${query.replace("before", "after")}`)).toMatchObject({ status: 400 });
  }
  expect(door.fake.calls).toEqual([]);
});

test.each([
  ["is not JSON", "{", {}, 400],
  ["is not UTF-8", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]), {}, 400],
  ["is too deep", `{"input":{"text":"a"},"payload_extension":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, {}, 400],
  ["is too large", JSON.stringify({ input: { text: "x".repeat(1_100_000) } }), {}, 413],
  ["is a form", "input=a", { "content-type": "application/x-www-form-urlencoded" }, 415],
  ["is in another charset", "{}", { "content-type": "application/json; charset=utf-16" }, 415],
  ["is compressed", "{}", { "content-encoding": "gzip" }, 415],
])("a body that %s is refused in one sentence", async (_name, body, headers, status) => {
  const door = await startDoor();
  const answer = await door.call("POST", `${door.base}/invoke`, body, headers);
  expect(answer).toMatchObject({ status, body: { detail: expect.any(String) } });
  expect(door.fake.calls).toEqual([]);
});

test("a `__proto__` key is a member like any unknown one", async () => {
  const door = await startDoor({ syncWaitMs: 0 });
  const body =
    '{"input":{"text":"a","__proto__":{"text":"b"}},"__proto__":{"polluted":true},"payload_extension":{"__proto__":{"polluted":true},"a":1}}';
  expect((await door.call("POST", `${door.base}/invoke`, body)).status).toBe(200);
  expect(JSON.stringify(door.fake.calls[0]?.input)).not.toContain("polluted");
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("a body that is cut in the middle starts nothing, and the door goes on", async () => {
  const door = await startDoor();
  const { port } = new URL(door.url);
  const arrived = once(door.server, "request");
  const socket = connect(Number(port), "127.0.0.1");
  socket.write(
    `POST ${door.base}/invoke HTTP/1.1\r\nhost: a\r\nx-api-key: ${door.key}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"input":`,
  );
  await arrived;
  socket.destroy();
  expect((await door.call("GET", `/v1/tasks/${newId()}`)).status).toBe(404);
  expect(door.fake.calls).toEqual([]);
});

test("unknown paths and methods answer in the door's shape", async () => {
  const door = await startDoor();
  const rename = await door.call("POST", `${door.base}/conversations/${newId()}/rename`, { title: "a" });
  expect(rename).toMatchObject({ status: 404, body: { detail: "Not found." } });
  const put = await door.call("PUT", `/v1/tasks/${newId()}`);
  expect(put).toMatchObject({ status: 405, body: { detail: expect.any(String) } });
  expect(put.headers.get("allow")).toBe("GET, DELETE");
  expect((await door.call("GET", "/v1/tasks/%E0%A4%A")).status).toBe(400);
  expect(
    (await fetch(`${door.url}${door.base}/conversations/${newId()}/events`, { method: "HEAD", headers: { "x-api-key": door.key } })).status,
  ).toBe(405);
});

test("a wrong key is a 401, and what went wrong inside is told to the log only", async () => {
  const door = await startDoor();
  expect(await door.call("GET", `/v1/tasks/${newId()}`, undefined, { "x-api-key": "wrong" })).toMatchObject({
    status: 401,
    body: { detail: expect.any(String) },
  });
  door.fake.refusal = new Error("password is hunter2");
  const answer = await door.call("POST", `${door.base}/invoke`, { input: { text: "a" } });
  expect(answer).toMatchObject({ status: 500, body: { detail: "Something went wrong on our side." } });
});
