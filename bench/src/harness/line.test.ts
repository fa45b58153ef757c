import { expect, test } from "vitest";
import { atLeast, atMost, isMet } from "./line.ts";

test("a limit is met on its line and missed beyond it", () => {
  expect(isMet(atMost(2, ""), 2)).toBe(true);
  expect(isMet(atMost(2, ""), 2.1)).toBe(false);
  expect(isMet(atLeast(2, ""), 2)).toBe(true);
  expect(isMet(atLeast(2, ""), 1.9)).toBe(false);
});

test("what was not measured is neither met nor missed", () => {
  expect(isMet(atMost(2, ""), undefined)).toBeNull();
  expect(isMet(atMost(Number.NaN, ""), 1)).toBeNull();
});
