import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { runTrials } from "./run-trials.ts";

const seed = Number(process.env["SETTLEMENT_SEED"] ?? randomInt(1_000_000));

test("whatever wires lose, delay, double or reorder, nobody pays twice, nothing is given free, and every payment comes to an end", async () => {
  const { faults, violations, ...counts } = await runTrials({ seed, count: 12, atOnce: 6 });
  console.info(`settlement: seed ${seed}, ${JSON.stringify(counts)}, faults ${JSON.stringify(faults)}`);
  expect(violations, `seed ${seed}`).toEqual([]);
  expect(counts.calls).toBeGreaterThan(12);
});
