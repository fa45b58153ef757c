import { type JobPayload, LIMITS } from "@parley/contracts";
import { expect, it } from "vitest";
import { silentLog } from "../testing/silent-log.ts";
import type { Verified } from "./chain-payments.ts";
import { type SettledPayments, settlePayment } from "./settle-payment.ts";
import type { OwedRefund } from "./token-payments.ts";

const never = () => Promise.reject(new Error("not asked for"));
const order = (kind: JobPayload<"payment.settle">["kind"], id: string) =>
  ({ kind, organizationId: "o", id }) as JobPayload<"payment.settle">;

/** The job over a store that notes what it is told; the chain says these things in turn. */
function settling(says: Verified[] = []) {
  const did: string[] = [];
  const taken = { epoch: 3, method: "tempo/charge" as const, plugin: "agent", challenge: {}, shown: "credential" };
  const payments: SettledPayments = {
    async releaseLeft({ id, quietMs }) {
      did.push(`release ${id} after ${quietMs}`);
      return true;
    },
    takeUnknown: async ({ id }) => (id === "taken" ? null : taken),
    async verifyChallenge({ id, epoch, outcome, then }) {
      did.push(`${id} ${epoch} ${outcome} ${then}`);
      return "kept";
    },
    takeOwed: async ({ id }) => (id === "taken" ? null : { reference: `pi_${id}`, refusals: 2 }),
    async refundChallenge({ id }) {
      did.push(`${id} refunded`);
      return true;
    },
    async noteRefusedRefund({ id, refusals }) {
      did.push(`${id} refused after ${refusals}`);
      return true;
    },
    takeChannel: async ({ id }) => (id === "taken" ? null : { isIdle: id === "idle" }),
    async leaveChannel({ id }) {
      did.push(`${id} left`);
      return true;
    },
    async expireSession({ id, idleMs }) {
      did.push(`expire ${id} after ${idleMs}`);
      return true;
    },
    ...{ readChannel: never, writeChannel: never },
  };
  const chain = { verify: async () => says.shift() ?? never() };
  const tokens = {
    verify: never,
    async refund({ reference }: OwedRefund) {
      did.push(`refund ${reference}`);
      if (reference === "pi_silent") throw new Error("Not now.");
      return reference === "pi_refused" ? ("refused" as const) : ("refunded" as const);
    },
  };
  const channels = {
    async review(id: string, { isIdle }: { isIdle: boolean }) {
      did.push(`review ${id} ${isIdle}`);
      if (id === "silent") throw new Error("Nobody answers.");
      return true;
    },
  };
  const ports = { payments, chain, tokens, channels, limits: LIMITS, log: silentLog };
  return {
    did,
    settle: (payment: JobPayload<"payment.settle">) => settlePayment(ports, payment),
  };
}

it("lets the money of sold calls go whose process died with them", async () => {
  const { did, settle } = settling();
  await settle(order("purchase", "left"));
  expect(did).toEqual([`release left after ${LIMITS.purchaseKeptMs}`]);
});

it("has sessions closed that nobody uses", async () => {
  const { did, settle } = settling();
  await settle(order("session", "ses"));
  expect(did).toEqual([`expire ses after ${LIMITS.sessionIdleMs}`]);
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

it("pays cards back what they are owed, and books it once it is taken; a refund that is refused, not heard of, or that another makes, is not booked", async () => {
  const { did, settle } = settling();
  for (const id of ["taken", "silent", "refused", "failed"]) await settle(order("refund", id));
  expect(did).toEqual(["refund pi_silent", "refund pi_refused", "refused refused after 2", "refund pi_failed", "failed refunded"]);
});

it("looks at channels; one that does not answer is not left, so that it is looked at later and later", async () => {
  const { did, settle } = settling();
  for (const id of ["taken", "idle", "used", "silent"]) await settle(order("channel", id));
  expect(did).toEqual(["review idle true", "idle left", "review used false", "used left", "review silent false"]);
});
