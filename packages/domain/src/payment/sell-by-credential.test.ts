import { LIMITS } from "@parley/contracts";
import { expect, it } from "vitest";
import type { GatewayContext } from "../gateway-ports.ts";
import type { OfferOrder } from "./chain-payments.ts";
import { sellByCredential } from "./sell-by-credential.ts";

/** What is offered for a call of that price, and what of it is kept to be looked at again. */
async function offered(amountMicros: number) {
  const kept: [string, number][] = [];
  const portOf = (method: string) => ({
    amountMinMicros: 500_000,
    offer: async ({ amountMicros: asked }: OfferOrder) => ({ id: method, method, challenge: {}, header: String(asked), expiresAt: "" }),
  });
  const context = {
    ...{ limits: LIMITS, chain: portOf("tempo/charge"), tokens: portOf("stripe/charge"), channels: null },
    payments: {
      offerChallenge: async ({ method, amountMicros: asked }: { method: string; amountMicros: number }) => void kept.push([method, asked]),
    },
  } as unknown as GatewayContext;
  const order = { plugin: "agent", amountMicros, description: "", digest: "", besideKey: false };
  const offers = await sellByCredential(context).offerCall("o", order, null);
  expect(offers.map(({ method, header }) => [method, Number(header)])).toEqual(kept);
  return kept;
}

it("a card is asked for whole cents, never for less than the call costs; what is offered is what is kept", async () => {
  expect(await offered(755_001)).toEqual([
    ["tempo/charge", 755_001],
    ["stripe/charge", 760_000],
  ]);
  expect(await offered(750_000)).toContainEqual(["stripe/charge", 750_000]);
});

it("a card is offered from the least on that it is charged, and what costs nothing is not offered at all", async () => {
  expect((await offered(500_000)).map(([method]) => method)).toEqual(["tempo/charge", "stripe/charge"]);
  expect((await offered(499_999)).map(([method]) => method)).toEqual(["tempo/charge"]);
  expect(await offered(0)).toEqual([]);
});
