import { describe, expect, test } from "vitest";
import { type Load, nextSlots } from "./next-slots.ts";

const load = (given: Partial<Load>): Load => ({ utilization: 0.5, running: 100, waiting: 0, ended: 30, passedMs: 100, ...given });

describe("a worker offers", () => {
  test("as many as do not stand in line, and no fewer than a few", () => {
    expect(nextSlots(250, 250, load({ running: 225, waiting: 200 }))).toBe(25);
    expect(nextSlots(250, 250, load({ running: 225, waiting: 224 }))).toBe(8);
  });

  test("a quarter less than it has in hand while its event loop is saturated", () => {
    expect(nextSlots(100, 250, load({ utilization: 0.97 }))).toBe(75);
  });

  test("an eighth more while neither is so, up to all it takes at a time", () => {
    expect(nextSlots(80, 250, load({ running: 70, waiting: 10, utilization: 0.9 }))).toBe(90);
    expect(nextSlots(8, 250, load({ running: 5 }))).toBe(9);
    expect(nextSlots(249, 250, load({}))).toBe(250);
  });

  test("all it takes at a time as soon as it has nothing in hand", () => {
    expect(nextSlots(8, 250, load({ running: 0, utilization: 1 }))).toBe(250);
  });

  test("never more than it takes at a time, nor more because of a line", () => {
    expect(nextSlots(4, 4, load({ running: 4, waiting: 3 }))).toBe(4);
    expect(nextSlots(1, 1, load({ running: 1 }))).toBe(1);
    expect(nextSlots(20, 250, load({ running: 12, waiting: 4 }))).toBe(8);
  });
});

describe("it does not shrink", () => {
  test("while jobs only begin, as in a burst after silence", () => {
    expect(nextSlots(250, 250, load({ running: 200, waiting: 195, ended: 0, utilization: 1 }))).toBe(250);
  });

  test("while its jobs last longer than a moment: their places would not become free", () => {
    expect(nextSlots(250, 250, load({ running: 200, utilization: 1, ended: 1 }))).toBe(250);
    expect(nextSlots(250, 250, load({ running: 200, utilization: 1, ended: 10 }))).toBe(150);
  });

  test("again before its last offer is felt", () => {
    expect(nextSlots(25, 250, load({ running: 180, waiting: 150, utilization: 1 }))).toBe(25);
  });
});

test("a crowd settles where few stand in line, and the offer does not wander off", () => {
  // Ten at a time are worked on; each job takes one look. What is beyond stands in line.
  const useful = 10;
  let slots = 250;
  const settled: number[] = [];
  for (let look = 0; look < 400; look += 1) {
    const running = Math.floor(slots * 0.9);
    slots = nextSlots(slots, 250, load({ running, waiting: Math.max(0, running - useful), ended: useful }));
    if (look >= 10) settled.push(slots);
  }
  expect(Math.min(...settled)).toBeGreaterThanOrEqual(useful);
  expect(Math.max(...settled)).toBeLessThanOrEqual(2 * useful);
});
