import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { DEADLY, dieAndRepeat } from "./settlement/crash.ts";
import { type BrokenGuard, startMarket } from "./settlement/market.ts";
import { runTrials } from "./settlement/run-trials.ts";

const seed = Number(process.env["SETTLEMENT_SEED"] ?? randomInt(1_000_000));
const trials = Number(process.env["SETTLEMENT_TRIALS"] ?? 300);

test("whatever wires lose, delay, double or reorder, nobody pays twice and nothing is given free: hundreds of trials", async () => {
  const { faults, violations, ...counts } = await runTrials({ seed, count: trials, atOnce: 6 });
  console.info(`settlement: seed ${seed}, ${JSON.stringify(counts)}, faults ${JSON.stringify(faults)}`);
  expect(violations, `seed ${seed}`).toEqual([]);
});

test("killed at each of its steps, a call that is repeated is paid once and answered", async () => {
  const market = await startMarket(seed);
  try {
    for (const link of Object.values(market.links)) link.calm();
    const wrong: string[] = [];
    for (const [by, deadly] of DEADLY) wrong.push(...(await dieAndRepeat(market, by, deadly)));
    expect(wrong).toEqual([]);
  } finally {
    await market.close();
  }
});

// So many that each way to pay meets the faults that its guard is for.
describe("the checker notices", () => {
  test.each<BrokenGuard>(["capture", "keys", "challenges", "events", "refunds", "recovery"])(
    "that the guard %s is switched off",
    async (broken) => {
      const { violations } = await runTrials({ seed, count: 16, atOnce: 8, broken });
      expect(violations).not.toEqual([]);
    },
  );
});
