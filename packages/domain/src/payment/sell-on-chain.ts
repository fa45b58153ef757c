import { ERRORS, GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Offer, PaymentProblem } from "./chain-payments.ts";
import type { ChallengeClaim } from "./payment-store.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";
import type { ChainPurchase, Purchase, ShownCredential } from "./purchase.ts";

/** Whoever holds a challenge and says nothing for so long has died with it. */
const LEASE_MS = 300_000;
const BASE = "https://paymentauth.org/problems/";

type ChainUseCases = Pick<PaymentUseCases, "offerCall" | "buyOnChain">;

const problem = (type: string, title: string, detail: string): PaymentProblem => ({ type: `${BASE}${type}`, title, status: 402, detail });

const PROBLEMS = {
  malformed: problem("malformed-credential", "Malformed Credential", "The credential cannot be read."),
  mismatch: problem("invalid-challenge", "Invalid Challenge", "The challenge is not ours, or is for another call."),
  expired: problem("payment-expired", "Payment Expired", "The challenge has expired."),
  used: problem("verification-failed", "Verification Failed", "The payment has paid for another call."),
};

/** Calls that are paid one by one on a chain: asked for, looked for, bought once. */
export function sellOnChain(context: GatewayContext): ChainUseCases {
  const { payments, chain } = context;

  const purchaseOf = (key: { organizationId: string; id: string }, receipt: string): Purchase => ({
    receipt,
    remainingMicros: null,
    settle: async (outcome, answer) =>
      void (await payments.finishChallenge({ ...key, answer: outcome === "done" ? (answer ?? {}) : null })),
  });

  return {
    async offerCall(organizationId, order): Promise<Offer | null> {
      if (chain === null || order.amountMicros === 0) return null;
      const offer = await chain.offer(order);
      const { id, challenge, expiresAt } = offer;
      await payments.offerChallenge({
        organizationId,
        id,
        plugin: order.plugin,
        amountMicros: order.amountMicros,
        digest: order.digest,
        challenge,
        expiresAt,
      });
      return offer;
    },

    async buyOnChain({ credential, plugin, digest }: ShownCredential): Promise<ChainPurchase> {
      if (chain === null) throw new GatewayError("payments_not_configured");
      const read = await chain.read(credential);
      const refused = (why: PaymentProblem): ChainPurchase => ({
        outcome: "refused",
        problem: why,
        dialect: read?.dialect ?? "mpp",
        challengeId: read?.challengeId ?? null,
      });
      if (read === null) return refused(PROBLEMS.malformed);
      const id = read.challengeId;
      const organizationId = await payments.challengeOwner(id);
      if (organizationId === null) return refused(PROBLEMS.mismatch);
      const key = { organizationId, id };
      const claim: ChallengeClaim = await payments.claimChallenge({
        ...key,
        plugin,
        digest,
        credential: read.fingerprint,
        shown: credential,
        leaseMs: LEASE_MS,
      });
      if (claim.outcome === "mismatch" || claim.outcome === "expired") return refused(PROBLEMS[claim.outcome]);
      if (claim.outcome === "done") return { outcome: "answered", answer: claim.answer };
      // A race that is lost is not to be paid again.
      if (claim.outcome === "busy") throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
      if (claim.outcome === "run") {
        return { outcome: "bought", organizationId, payer: claim.payer ?? id, purchase: purchaseOf(key, claim.receipt) };
      }
      const verified = await chain.verify(credential, { challenge: claim.challenge, plugin });
      const isFirst = await payments.verifyChallenge({ ...key, ...(verified.outcome === "refused" ? { outcome: "refused" } : verified) });
      if (verified.outcome === "refused") return refused(verified.problem);
      if (verified.outcome === "unknown") {
        throw new GatewayError("payment_pending", { text: ERRORS.payment_pending.text, retryAfterSeconds: 5 });
      }
      if (!isFirst) return refused(PROBLEMS.used);
      return { outcome: "bought", organizationId, payer: verified.payer ?? id, purchase: purchaseOf(key, verified.receipt) };
    },
  };
}
