import { expect, test } from "vitest";
import { isKeepable, isKeepableJson } from "./keepable-text.ts";

test.each([
  ["a NUL", '"a\\u0000b"'],
  ["the first half of a character", '["\\uD83D"]'],
  ["the second half", '{"a":{"b":"\\ude00"}}'],
  ["a NUL in a name", '{"\\u0000":1}'],
])("%s cannot be kept", (_what, json) => {
  expect(isKeepable(JSON.parse(json))).toBe(false);
  expect(isKeepableJson(json, JSON.parse(json))).toBe(false);
});

test("whole characters can, however they are written", () => {
  for (const json of ['"\\ud83d\\ude00"', '"😀"', '"\\\\u0000"', '{"a":[1,null,true,"\\u0001"]}']) {
    expect(isKeepableJson(json, JSON.parse(json))).toBe(true);
  }
});
