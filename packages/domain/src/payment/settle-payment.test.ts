import { type JobPayload, LIMITS } from "@parley/contracts";
import { expect, it } from "vitest";
import type { Verified } from "./chain-payments.ts";
import type { ReconciledPayments } from "./reconcile-payment.ts";
import { settlePayment } from "./settle-payment.ts";

const never = () => Promise.reject(new Error("not asked for"));
const order = (kind: "purchase" | "challenge", id: string) => ({ kind, organizationId: "o", id }) as JobPayload<"payment.settle">;

/** The job over a store that notes what it is told; the chain says these things in turn. */
function settling(says: Verified[] = []) {
  const did: string[] = [];
  const taken = { epoch: 3, method: "tempo/charge" as const, plugin: "agent", challenge: {}, shown: "credential" };
  const payments: ReconciledPayments = {
    async releaseLeft({ id, quietMs }) {
      did.push(`release ${id} after ${quietMs}`);
      return true;
    },
    takeUnknown: async ({ id }) => (id === "taken" ? null : taken),
    async verifyChallenge({ id, epoch, outcome, then }) {
      did.push(`${id} ${epoch} ${outcome} ${then}`);
      return "kept";
    },
    ...{ takeOwed: never, refundChallenge: never, readChannel: never, writeChannel: never },
  };
  const chain = { verify: async () => says.shift() ?? never() };
  return {
    did,
    settle: (payment: JobPayload<"payment.settle">) => settlePayment({ payments, chain, tokens: null, limits: LIMITS }, payment),
  };
}

it("lets the money of sold calls go whose process died with them", async () => {
  const { did, settle } = settling();
  await settle(order("purchase", "left"));
  expect(did).toEqual([`release left after ${LIMITS.purchaseKeptMs}`]);
});

it("notes what the chain says of a payment, under the claim that it was asked with; one that another looks for is left alone", async () => {
  const problem = { type: "t", title: "t", status: 402, detail: "d" };
  const { did, settle } = settling([
    { outcome: "unknown" },
    { outcome: "refused", problem, isAbsent: true },
    { outcome: "refused", problem },
    { outcome: "paid", reference: "0x1", payer: null, receipt: "r" },
  ]);
  for (const id of ["taken", "a", "b", "c", "d"]) await settle(order("challenge", id));
  expect(did).toEqual(["a 3 unknown paid", "b 3 absent paid", "c 3 refused paid", "d 3 paid paid"]);
});
