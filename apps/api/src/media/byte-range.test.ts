import { expect, test } from "vitest";
import { wantedRange } from "./byte-range.ts";

test.each([
  [undefined, 10, { kind: "whole" }],
  ["bytes=0-0", 10, { kind: "part", range: { start: 0, end: 0 } }],
  ["bytes=3-", 10, { kind: "part", range: { start: 3, end: 9 } }],
  ["bytes=-4", 10, { kind: "part", range: { start: 6, end: 9 } }],
  ["bytes=-40", 10, { kind: "part", range: { start: 0, end: 9 } }],
  ["bytes=2-99", 10, { kind: "part", range: { start: 2, end: 9 } }],
  ["bytes=10-", 10, { kind: "none" }],
  ["bytes=-0", 10, { kind: "none" }],
  ["bytes=0-", 0, { kind: "none" }],
  ["bytes=5-4", 10, { kind: "whole" }],
  ["bytes=-", 10, { kind: "whole" }],
  ["bytes=0-1,3-4", 10, { kind: "whole" }],
  ["items=0-1", 10, { kind: "whole" }],
])("%s of %i bytes", (header, size, wanted) => {
  expect(wantedRange(header, size)).toEqual(wanted);
});
