import { expect, test } from "vitest";
import { createLocalWindow } from "./local-window.ts";

function setUp(callsMax: number) {
  const clock = { ms: 0 };
  return { clock, take: createLocalWindow({ callsMax, windowMs: 1_000, now: () => clock.ms }) };
}

test("a window slides: there is room again when the oldest call leaves it, and not before", () => {
  const { clock, take } = setUp(2);
  expect(take("a", 1)).toBe(0);
  clock.ms = 600;
  expect(take("a", 1)).toBe(0);
  expect(take("a", 1)).toBe(400);
  clock.ms = 999;
  expect(take("a", 1)).toBe(1);
  clock.ms = 1_000;
  expect(take("a", 1)).toBe(0);
  expect(take("a", 1)).toBe(600);
});

test("what is refused is not counted, and several calls are counted all or none", () => {
  const { clock, take } = setUp(3);
  expect(take("a", 2)).toBe(0);
  clock.ms = 500;
  expect(take("a", 2)).toBe(500);
  expect(take("a", 1)).toBe(0);
  clock.ms = 1_000;
  expect(take("a", 2)).toBe(0);
});

test("more calls than a window has are always refused; keys do not meet", () => {
  const { take } = setUp(3);
  expect(take("a", 4)).toBe(1_000);
  expect(take("a", 3)).toBe(0);
  expect(take("b", 3)).toBe(0);
});

test("keys that are silent are forgotten, and those of the window are not", () => {
  const { clock, take } = setUp(1);
  for (let key = 0; key < 2_000; key++) expect(take(`old ${key}`, 1)).toBe(0);
  clock.ms = 1_500;
  for (let key = 0; key < 2_000; key++) expect(take(`new ${key}`, 1)).toBe(0);
  for (let key = 0; key < 2_000; key++) expect(take(`new ${key}`, 1)).toBe(1_000);
  expect(take("old 0", 1)).toBe(0);
});
