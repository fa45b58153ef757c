import { expect, test } from "vitest";
import { parseJson, storableJson, storableText } from "./storable.ts";

test("what Postgres cannot keep is replaced, and nothing else is touched", () => {
  expect(storableText("a\0b\uD800c 😀")).toBe("a\uFFFDb\uFFFDc 😀");
  expect(storableJson('{"a\\u0000":["x\\ud800",{"b":"\\ud83d\\ude00"}],"n":1,"t":true,"z":null}')).toBe(
    '{"a\uFFFD":["x\uFFFD",{"b":"😀"}],"n":1,"t":true,"z":null}',
  );
  expect(storableJson('{"broken": "\0')).toBe('{"broken": "\uFFFD');
  expect(storableJson("")).toBe("{}");
});

test("no arguments are empty ones, and malformed ones are none", () => {
  expect([parseJson(""), parseJson("null"), parseJson("{")]).toEqual([{}, null, undefined]);
});

test("arguments that are deeper than anyone needs are no arguments, and do not bring down who reads them", () => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  expect(parseJson(deep(64))).toBeDefined();
  expect(parseJson(deep(65))).toBeUndefined();
  expect(parseJson(deep(20_000))).toBeUndefined();
  expect(storableJson(deep(20_000))).toBe(deep(20_000));
});
