import { GatewayError } from "@parley/contracts";
import { describe, expect, test } from "vitest";
import { createLog, type LogLevel } from "./log.ts";

function open(level: LogLevel = "debug") {
  const lines: string[] = [];
  const log = createLog({ level, name: "test", destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "null") as Record<string, unknown> };
}

test("a line is one JSON object with level, time, name, fields and message", () => {
  const { log, lines, last } = open();
  log.child({ conversationId: "c1" }).info({ turnNumber: 3 }, "turn started");
  expect(last()).toMatchObject({ level: "info", name: "test", conversationId: "c1", turnNumber: 3, message: "turn started" });
  expect(new Date(String(last()["time"])).getTime()).toBeGreaterThan(0);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\{.*\}\n$/);
});

test("lines below the level are not written", () => {
  const { log, lines } = open("warn");
  log.debug({}, "a");
  log.info({}, "b");
  log.warn({}, "c");
  expect(lines).toHaveLength(1);
});

describe("secrets", () => {
  const KEY = "agw_0123456789abcdefghijklmn";

  test.each([
    ["a header", { headers: { Authorization: "something", "X-Api-Key": "plain", "content-type": "text/html" } }],
    ["a field deep inside", { a: { b: [{ adminSecret: "plain", clientSecret: "plain", dbPassword: "plain", access_token: "plain" }] } }],
    ["a cookie", { cookie: "plain", "set-cookie": ["plain"] }],
  ])("%s are hidden by the name of their field", (_what, fields) => {
    const { log, lines } = open();
    log.info(fields, "request");
    expect(lines.join()).not.toContain('plain"');
    expect(lines.join()).not.toContain("something");
    expect(lines.join()).toContain("[hidden]");
  });

  test.each([
    ["our key in a text", `the key ${KEY} is wrong`, KEY],
    ["a provider's key", "used sk-proj-abcdefgh12345678", "abcdefgh12345678"],
    ["a bearer token", "sent Bearer abc.def-ghi", "abc.def-ghi"],
    ["a password in an address", "redis://user:hunter22@db:6379/0 is away", "hunter22"],
    ["a ticket in a path", "/ws?a=1&ticket=tick123", "tick123"],
  ])("%s is hidden in fields, messages, bindings and errors", (_what, text, secret) => {
    const { log, lines } = open();
    log.info({ text }, text);
    log.child({ text }).warn({ error: new Error(text, { cause: new Error(text) }) }, "failed");
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain(secret);
    for (const line of lines) expect(() => JSON.parse(line) as unknown).not.toThrow();
  });

  test("counts of tokens are no secrets", () => {
    const { log, last } = open();
    log.info({ inputTokens: 5, usage: { outputTokens: 7 } }, "used");
    expect(last()).toMatchObject({ inputTokens: 5, usage: { outputTokens: 7 } });
  });
});

test("an error shows its code, detail, stack and cause, and not what a library hung on it", () => {
  const { log, last } = open();
  const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED", request: { body: "a user's text" } });
  log.error({ error: new GatewayError("storage_unavailable", { detail: "no answer", cause }) }, "failed");
  expect(last()["error"]).toMatchObject({
    code: "storage_unavailable",
    detail: "no answer",
    cause: { message: "refused", code: "ECONNREFUSED" },
  });
  expect(JSON.stringify(last())).toContain("log.test.ts");
  expect(JSON.stringify(last())).not.toContain("a user's text");
});

test("cycles, depth, bigints and binary data do not break a line", () => {
  const { log, last } = open();
  const cycle: Record<string, unknown> = { big: 10n, bytes: Buffer.alloc(5), list: new Array(1_000).fill(1) };
  cycle["self"] = cycle;
  log.info({ cycle }, "odd");
  expect(last()).toMatchObject({ cycle: { big: "10", bytes: "[5 bytes]" } });
});
