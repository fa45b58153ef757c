import { expect, test } from "vitest";
import { runHops } from "./hops/run-hops.ts";

/** See `hops.test.ts`. */
test("readers that were cut 1,000 times, and hopped, were told what those that stayed were told, and what the database keeps", async () => {
  const hops = await runHops({ seed: 1_000, cutsMin: 1_000 });
  const { faults, ...counts } = hops;
  process.stdout.write(`${JSON.stringify(counts)}\n`);
  expect(faults).toEqual([]);
});
