import { expect, test } from "vitest";
import { runFuzz } from "./run-fuzz.ts";

/** Always the same requests, so that what fails here fails again; `fuzz.long.test.ts` draws new ones each time. */
const SEED = 50_001;

test("whatever is sent to a documented route is answered as documented, and never with 500", async () => {
  const { requests, statuses } = await runFuzz({ seed: SEED, forMs: 10_000 });
  console.info(`${requests} requests: ${[...statuses].map(([status, count]) => `${status} × ${count}`).join(", ")}`);
  expect(requests).toBeGreaterThan(20);
  expect(statuses.has(500)).toBe(false);
});
