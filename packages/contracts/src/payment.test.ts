import { expect, it } from "vitest";
import { microsToDollars } from "./payment.ts";

it("dollars have a sign where they are owed, two digits behind the point or more, and nothing is lost", () => {
  expect([0, 50_000, 1_234_567, 10_000_000].map(microsToDollars)).toEqual(["0.00", "0.05", "1.234567", "10.00"]);
  expect([-500_000, -1, -1_250_000].map(microsToDollars)).toEqual(["-0.50", "-0.000001", "-1.25"]);
});
