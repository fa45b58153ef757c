import { expect, test } from "vitest";
import { runHops } from "./hops/run-hops.ts";

/**
 * Readers that are cut at random points, and go on each time by another transport (REST, tRPC over server-sent events, tRPC over WebSocket)
 * and at another replica, while the conversation has dispatched work, calls, cards, steers, interrupts, collected messages and edits. In
 * some trials Redis forgets everything meanwhile, and a worker is killed. `hops.long.test.ts` does the same five times as often.
 */
test("a reader that was cut 200 times, and hopped, was told what one that stayed was told, and what the database keeps", async () => {
  const hops = await runHops({ seed: 1, cutsMin: 200 });
  expect(hops.faults).toEqual([]);
  expect(hops.flushes * hops.kills).toBeGreaterThan(0);
});
