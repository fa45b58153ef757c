import { expect, test } from "vitest";
import { countingSleep } from "./clock.ts";

function clocks() {
  const times = { awake: 5, wall: 1_000_000 };
  return {
    times,
    elapsedMs: countingSleep(
      () => times.awake,
      () => times.wall,
    ),
  };
}

test("what a machine has slept has passed, though its monotonic clock stood still", () => {
  const { times, elapsedMs } = clocks();
  const before = elapsedMs();
  times.awake += 100;
  times.wall += 100 + 60_000;
  expect(elapsedMs() - before).toBe(60_100);
  times.awake += 100;
  times.wall += 100;
  expect(elapsedMs() - before).toBe(60_200);
});

test("a wall clock that is put back, or drifts, changes nothing", () => {
  const { times, elapsedMs } = clocks();
  const before = elapsedMs();
  times.wall -= 3_600_000;
  expect(elapsedMs()).toBe(before);
  for (let look = 0; look < 100; look += 1) {
    times.awake += 1_000;
    times.wall += 1_010;
    elapsedMs();
  }
  expect(elapsedMs() - before).toBe(100_000);
});
