import type { Gateway } from "@parley/domain";
import { expect, it } from "vitest";
import type { Sale } from "./sale.ts";
import { waysToPay } from "./ways-to-pay.ts";

const gateway = { offerCall: async () => [], offerCheckout: () => ({ amountMicros: 500_000 }) } as unknown as Gateway;
const known = { organizationId: "o", principalId: "key_one", scopes: new Set(["admin"]), agentIds: null };
const sale = {
  ...{ known, name: "agent", body: {}, visitor: { credential: { kind: "key" } } },
  ...{ request: { get: () => undefined }, response: { setHeader: () => undefined } },
} as unknown as Sale;

it("nobody is told to buy credits for what costs nothing, or is sold by nobody", async () => {
  for (const amountMicros of [0, null])
    expect(await waysToPay(gateway, sale, { seller: "o", amountMicros })).toEqual({ names: [], body: {}, isOffered: false });
  const ways = await waysToPay(gateway, sale, { seller: "o", amountMicros: 1 });
  expect(ways).toMatchObject({ names: ["Stripe"], body: { stripe: { amount: "0.50" } } });
});
