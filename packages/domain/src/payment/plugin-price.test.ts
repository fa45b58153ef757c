import { expect, it } from "vitest";
import type { GatewayContext } from "../gateway-ports.ts";
import { priceOfPlugin } from "./plugin-price.ts";

const priced = (price: { unitPico: number; withdrawn: boolean } | null) =>
  priceOfPlugin({ billing: { findPrice: async () => price } } as unknown as Pick<GatewayContext, "billing">, "o", "agent");

it("is a whole number of micro-units, half up; without a price, or with one that was taken back, nothing is sold", async () => {
  const prices = [1_499_999, 1_500_000, 0, 1].map((unitPico) => priced({ unitPico, withdrawn: false }));
  expect(await Promise.all(prices)).toEqual([1, 2, 0, 1]);
  expect([await priced(null), await priced({ unitPico: 5_000_000, withdrawn: true })]).toEqual([null, null]);
});
