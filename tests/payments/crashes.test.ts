import { afterAll, beforeAll, expect, test } from "vitest";
import { type Deadly, dieAndRepeat, type PaidBy } from "./settlement/crash.ts";
import { type Market, startMarket } from "./settlement/market.ts";

let market: Market;
beforeAll(async () => {
  market = await startMarket(1);
  for (const link of Object.values(market.links)) link.calm();
});
afterAll(() => market?.close());

// The steps that nothing but the books remembers; all of them are in the long run.
test.each<[PaidBy, Deadly]>([
  ["credits", "endPurchase after"],
  ["session", "reserveInSession after"],
  ["chain", "verifyChallenge after"],
  ["card", "takeCardEvent after"],
])("killed at its step (%s, %s), a call that is repeated is paid once and answered", async (by, deadly) => {
  expect(await dieAndRepeat(market, by, deadly)).toEqual([]);
});
