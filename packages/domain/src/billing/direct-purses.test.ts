import { LIMITS } from "@parley/contracts";
import { expect, it } from "vitest";
import { movedClock } from "../testing/moved-clock.ts";
import { createDirectPurses } from "./direct-purses.ts";

/** Purses over a store that says in turn whether one is needed, and how often it was asked. */
function pursesOver(says: (boolean | Error)[], refuseUnpriced = false) {
  const clock = movedClock();
  let asked = 0;
  const billing = {
    async needsHolds() {
      const said = says[asked++] ?? false;
      if (typeof said !== "boolean") throw said;
      return said;
    },
    grow: () => Promise.reject(new Error("Nothing is bought.")),
  };
  const purses = createDirectPurses({ billing, clock, limits: LIMITS, refuseUnpriced });
  return { clock, asked: () => asked, open: (organizationId = "o") => purses({ organizationId, principalId: "key_one", id: "1" }) };
}

it("an organization that needs no purse has none, and is asked for again after some seconds: its mode may have changed", async () => {
  const { clock, asked, open } = pursesOver([false, true]);
  expect([await open(), await open(), asked()]).toEqual([null, null, 1]);
  await clock.move(5_000);
  expect(await open()).not.toBeNull();
  expect(asked()).toBe(2);
});

it("an answer that was not heard is asked for again at once", async () => {
  const { asked, open } = pursesOver([new Error("Postgres is away."), true]);
  await expect(open()).rejects.toThrow("Postgres is away.");
  expect(await open()).not.toBeNull();
  expect(asked()).toBe(2);
});

it("where models without a price are refused every call has one: it is the purse that finds out", async () => {
  const { asked, open } = pursesOver([], true);
  expect(await open()).not.toBeNull();
  expect(asked()).toBe(0);
});
