import { expect, test } from "vitest";
import { runFuzz } from "./run-fuzz.ts";

test("the same for ten minutes", async () => {
  const seed = Date.now() % 2 ** 31;
  console.info(`HTTP fuzz, seed ${seed}`);
  const { requests, statuses } = await runFuzz({ seed, forMs: 600_000 });
  console.info(`${requests} requests: ${[...statuses].map(([status, count]) => `${status} × ${count}`).join(", ")}`);
  expect(requests).toBeGreaterThan(1_000);
});
