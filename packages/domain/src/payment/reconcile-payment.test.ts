import { expect, it } from "vitest";
import { silentLog } from "../testing/silent-log.ts";
import type { OfferedMethod, Verified } from "./chain-payments.ts";
import { reconcilePayment } from "./reconcile-payment.ts";

/** What is noted of a payment by that method, where each way to pay says what it is called, or is switched off. */
async function noted(method: OfferedMethod, isOn: boolean) {
  const said: object[] = [];
  const paidBy = (reference: string) => ({
    verify: async (): Promise<Verified> => ({ outcome: "paid", reference, payer: null, receipt: "r" }),
  });
  const payments = {
    takeUnknown: async () => ({ epoch: 3, method, plugin: "agent", challenge: {}, shown: "credential" }),
    async verifyChallenge(one: object) {
      said.push(one);
      return "kept" as const;
    },
  };
  const ports = isOn ? { chain: paidBy("of the chain"), tokens: paidBy("of the card") } : { chain: null, tokens: null };
  const log = { ...silentLog, warn: (fields: object) => void said.push(fields) };
  await reconcilePayment({ payments, ...ports, log }, { organizationId: "o", id: "c" });
  return said;
}

it("a payment is looked for where it was made", async () => {
  expect(await noted("tempo/charge", true)).toMatchObject([{ outcome: "paid", reference: "of the chain", then: "paid" }]);
  expect(await noted("stripe/charge", true)).toMatchObject([{ outcome: "paid", reference: "of the card", then: "paid" }]);
});

it("while its way to pay is switched off nobody knows, nothing is refused, and the log says so", async () => {
  for (const method of ["tempo/charge", "stripe/charge"] as const)
    expect(await noted(method, false)).toEqual([
      { challengeId: "c", method },
      { organizationId: "o", id: "c", epoch: 3, then: "paid", outcome: "unknown" },
    ]);
});
