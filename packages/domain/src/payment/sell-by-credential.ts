import { ERRORS, GatewayError, MICROS_PER_CENT } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Offer, OfferedMethod, OfferOrder, ReadCredential } from "./chain-payments.ts";
import { QUIET_MS } from "./hold-purchase.ts";
import { payBack } from "./pay-owed-refund.ts";
import { PROBLEMS } from "./payment-problems.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";
import type { CredentialPurchase, Purchase, ShownCredential } from "./purchase.ts";
import { rankOffers } from "./rank-offers.ts";
import { sayAlive, untilHeard } from "./say-alive.ts";
import { verdictOf } from "./verdict-of.ts";

interface ClaimedKey {
  organizationId: string;
  id: string;
  epoch: number;
}

type CredentialUseCases = Pick<PaymentUseCases, "offerCall" | "readCredential" | "buyWithCredential">;

/** In our own order: what is cheapest for one call first. */
function methodsFor({ chain, channels, tokens }: GatewayContext, amountMicros: number): OfferedMethod[] {
  const methods: OfferedMethod[] = [];
  if (chain !== null) methods.push("tempo/charge");
  if (channels !== null) methods.push("tempo/session");
  if (tokens !== null && amountMicros >= tokens.amountMinMicros) methods.push("stripe/charge");
  return methods;
}

/** Calls that are paid one by one, on a chain or by card: asked for, looked for, bought once. */
export function sellByCredential(context: GatewayContext): CredentialUseCases {
  const { payments, chain, channels, tokens, clock } = context;
  const portOf = (method: OfferedMethod) => (method === "tempo/charge" ? chain : method === "stripe/charge" ? tokens : null);

  /** `hush` ends what says that somebody is at it. */
  const purchaseOf = ({ method, ...key }: ClaimedKey & Pick<ReadCredential, "method">, receipt: string, hush: () => void): Purchase => ({
    ...{ id: key.id, receipt, remainingMicros: null, whenFailed: method === "stripe/charge" ? "goesBack" : "staysPaid" },
    async settle(outcome, answer) {
      const isDone = outcome === "done";
      const finish = () => payments.finishChallenge({ ...key, answer: isDone ? (answer ?? {}) : null });
      const { refund, kept } = await untilHeard(clock, finish).finally(hush);
      if (isDone && !kept) throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
      // Whoever is told of the failure does not wait for it. What is not paid back now is paid back by a job.
      if (refund !== null)
        void payBack(context, key, refund).catch((error: unknown) =>
          context.log.warn({ err: error, challengeId: key.id }, "a refund is put off"),
        );
      return null;
    },
  });

  async function offerBy(method: OfferedMethod, organizationId: string, order: OfferOrder): Promise<Offer | null> {
    // A channel's voucher is for no call in particular, and is checked by itself.
    if (method === "tempo/session") return channels?.offer(order) ?? null;
    // A card is charged whole cents.
    const amountMicros =
      method === "stripe/charge" ? Math.ceil(order.amountMicros / MICROS_PER_CENT) * MICROS_PER_CENT : order.amountMicros;
    const offer = (await portOf(method)?.offer({ ...order, amountMicros })) ?? null;
    if (offer === null) return null;
    const { id, challenge, expiresAt } = offer;
    const { plugin, digest } = order;
    await payments.offerChallenge({ organizationId, id, method, plugin, amountMicros, digest, challenge, expiresAt });
    return offer;
  }

  async function buy(
    organizationId: string,
    read: ReadCredential,
    { credential, plugin, digest }: ShownCredential,
  ): Promise<CredentialPurchase> {
    const { challengeId: id, method, dialect, fingerprint } = read;
    const refused = (problem: (typeof PROBLEMS)["used"]): CredentialPurchase => ({ outcome: "refused", problem, dialect, challengeId: id });
    const port = portOf(method);
    if (port === null) return refused(PROBLEMS.unsupported);
    // What another organization has offered is no offer here: it would be sold at that one's price, and earned by it.
    const owned = { organizationId, id };
    const claim = await payments.claimChallenge({
      ...owned,
      ...{ plugin, digest, credential: fingerprint, shown: credential, leaseMs: QUIET_MS },
    });
    if (claim.outcome === "mismatch" || claim.outcome === "expired" || claim.outcome === "refunded")
      return refused(PROBLEMS[claim.outcome]);
    if (claim.outcome === "done") return { outcome: "answered", answer: claim.answer };
    // A race that is lost is not to be paid again.
    if (claim.outcome === "busy") throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
    const key = { ...owned, epoch: claim.epoch };
    const hush = sayAlive(context, () => payments.holdChallenge(key));
    if (claim.outcome === "run") {
      return { outcome: "bought", purchase: purchaseOf({ ...key, method }, claim.receipt, hush) };
    }
    const { challenge } = claim;
    const look = async (): Promise<CredentialPurchase> => {
      const verified = await port.verify(credential, { challenge, plugin });
      const noted = await untilHeard(clock, () => payments.verifyChallenge({ ...key, ...verdictOf(verified) }));
      // Somebody else has found it, or looks for it: what that comes to is told to whoever shows it again.
      if (noted === "lost") throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
      if (verified.outcome === "refused") return refused(verified.problem);
      if (verified.outcome === "unknown") {
        throw new GatewayError("payment_pending", { text: ERRORS.payment_pending.text, retryAfterSeconds: 5 });
      }
      if (noted === "used") return refused(PROBLEMS.used);
      return { outcome: "bought", purchase: purchaseOf({ ...key, method }, verified.receipt, hush) };
    };
    try {
      const looked = await look();
      if (looked.outcome !== "bought") hush();
      return looked;
    } catch (error) {
      hush();
      throw error;
    }
  }

  return {
    async offerCall(organizationId, order, accepted): Promise<Offer[]> {
      if (order.amountMicros === 0) return [];
      const offers: Offer[] = [];
      for (const method of rankOffers(methodsFor(context, order.amountMicros), accepted)) {
        const offer = await offerBy(method, organizationId, order);
        if (offer !== null) offers.push(offer);
      }
      return offers;
    },

    async readCredential(credential) {
      if (methodsFor(context, Number.MAX_SAFE_INTEGER).length === 0) throw new GatewayError("payments_not_configured");
      return context.readCredential(credential);
    },

    async buyWithCredential(organizationId, read, shown) {
      if (read === null) return { outcome: "refused", problem: PROBLEMS.malformed, dialect: "mpp", challengeId: null };
      return buy(organizationId, read, shown);
    },
  };
}
