import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { checkSignature } from "./check-signature.ts";

const body = Buffer.from('{"a":1}');
const sign = (secret: string, text: string | Buffer) => createHmac("sha256", secret).update(text).digest("hex");
const facts = { algorithm: "sha256", secrets: ["new", "old"], timestamp: null, body } as const;
const check = (signature: string, more: Partial<Parameters<typeof checkSignature>[0]> = {}) =>
  checkSignature({ ...facts, secrets: [...facts.secrets], signature, ...more });

test("any of the secrets may have signed the body", () => {
  expect([check(sign("new", body)), check(sign("old", body)), check(sign("other", body))]).toEqual([true, true, false]);
});

test("with a time the signature is over both, and over neither alone", () => {
  const timed = { timestamp: "1700000000" };
  expect(check(sign("new", `1700000000.${body}`), timed)).toBe(true);
  expect([
    check(sign("new", body), timed),
    check(sign("new", `1700000000.${body}`)),
    check(sign("new", `1700000001.${body}`), timed),
  ]).toEqual([false, false, false]);
});

test("only whole lower-case hex is a signature", () => {
  const good = sign("new", body);
  for (const bad of ["", good.toUpperCase(), good.slice(2), `${good}00`, `sha256=${good}`, "0".repeat(64), "z".repeat(64)])
    expect(check(bad)).toBe(false);
});

test("no secret, no signature", () => {
  expect(check(sign("", body), { secrets: [] })).toBe(false);
});
