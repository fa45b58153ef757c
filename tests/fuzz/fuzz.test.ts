import { expect, test } from "vitest";
import { runFuzz } from "./run-fuzz.ts";

test("whatever is sent to a documented route is answered as documented, and never with 500", async () => {
  const seed = Date.now() % 2 ** 31;
  console.info(`HTTP fuzz, seed ${seed}`);
  const { requests, statuses } = await runFuzz({ seed, forMs: 10_000 });
  console.info(`${requests} requests: ${[...statuses].map(([status, count]) => `${status} × ${count}`).join(", ")}`);
  expect(requests).toBeGreaterThan(20);
  expect(statuses.has(500)).toBe(false);
});
