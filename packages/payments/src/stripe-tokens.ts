import { GatewayError, microsToDollars } from "@parley/contracts";
import type { TokenPayments, Verified } from "@parley/domain";
import { Challenge, Errors, Receipt } from "mppx";
import { Mppx, stripe as stripeMethod } from "mppx/server";
import Stripe from "stripe";
import { problemOf } from "./payment-problem.ts";
import { readStandard } from "./read-credential.ts";

/** How long an offer stands: as long as Stripe remembers a charge by its key. */
const OPEN_MS = 86_400_000;

export interface TokenSettings {
  /** Binds the offers. */
  secretKey: string;
  realm: string;
  /** Whom tokens are shared with, as Stripe knows us. */
  networkId: string;
}

/** Whether a card was charged may not be known: Stripe, or the way to it, was away, or it is still at it. */
const isSilence = (error: unknown): boolean =>
  !(error instanceof Stripe.errors.StripeError) ||
  error instanceof Stripe.errors.StripeConnectionError ||
  error instanceof Stripe.errors.StripeAPIError ||
  error instanceof Stripe.errors.StripeRateLimitError ||
  error.statusCode === 409;

/** Stripe has looked at the request, has done nothing, and remembers that. All else leaves open what has become of it, or says nothing about it. */
const isRefusal = (error: unknown): boolean =>
  (error instanceof Stripe.errors.StripeInvalidRequestError || error instanceof Stripe.errors.StripeCardError) &&
  (error.statusCode === 400 || error.statusCode === 402 || error.statusCode === 404);

/** Nothing of what Stripe says goes to the payer: it may name the account. */
function refusedAs(error: unknown): Verified {
  if (error instanceof Errors.PaymentActionRequiredError || error instanceof Errors.InvalidChallengeError)
    return { outcome: "refused", problem: problemOf(error) };
  if (error instanceof Errors.InvalidPayloadError) return { outcome: "refused", problem: problemOf(error) };
  return { outcome: "refused", problem: problemOf(new Errors.VerificationFailedError({ reason: "the card was not charged" })) };
}

/** Stripe's shared payment tokens, by the payment standard's own code. */
export function createStripeTokens({ secretKey, realm, networkId }: TokenSettings, stripe: Stripe): Omit<TokenPayments, "amountMinMicros"> {
  type Client = Parameters<typeof stripeMethod.charge>[0] extends { client?: infer Known } ? NonNullable<Known> : never;
  const payments = (client: Client, besideKey = false) =>
    Mppx.create({
      methods: [stripeMethod.charge({ client, networkId, paymentMethodTypes: ["card", "link"], currency: "usd", decimals: 2 })],
      secretKey,
      realm,
      requiresAuth: besideKey,
    });

  /** One charge, however often it is asked for; `heard` is false where nobody can say what has become of it. */
  function listening(): { client: Client; heard: () => boolean } {
    let heard = true;
    const client = {
      paymentIntents: {
        async create(...asked: Parameters<Stripe["paymentIntents"]["create"]>) {
          try {
            const made = await stripe.paymentIntents.create(...asked);
            // The answer of the first time comes again: what has become of it since is asked for.
            const { id, status } = made.status === "processing" ? await stripe.paymentIntents.retrieve(made.id) : made;
            if (status === "processing") heard = false;
            // Who may buy with it is ours to say, so that it came again is no reason to refuse it.
            return { id, status };
          } catch (error) {
            if (isSilence(error)) heard = false;
            throw error;
          }
        },
      },
    };
    return { client, heard: () => heard };
  }

  return {
    async offer({ plugin, amountMicros, description, digest, besideKey }) {
      const nowMs = Date.now();
      const expiresAt = new Date(nowMs + OPEN_MS).toISOString();
      const issued = await payments(listening().client, besideKey).challenge.stripe.charge({
        amount: microsToDollars(amountMicros),
        description,
        expires: expiresAt,
        scope: `plugin:${plugin}`,
        meta: { body: digest, issued: String(nowMs) },
      });
      return {
        ...{ id: issued.id, method: "stripe/charge", challenge: issued, header: Challenge.serialize(issued) },
        expiresAt,
      };
    },

    async verify(credential, { plugin }) {
      const shown = readStandard(credential);
      if (shown === null) throw new GatewayError("internal", { detail: "a credential that was read before cannot be read" });
      const { client, heard } = listening();
      try {
        const receipt = await payments(client).broadcastCredential(shown, { scope: `plugin:${plugin}` });
        // What the payer says of itself nobody has proved.
        return { outcome: "paid", reference: receipt.reference, payer: null, receipt: Receipt.serialize(receipt) };
      } catch (error) {
        // It was shown in time, or would not be looked for: that it is late by now says nothing of the card.
        if (error instanceof Errors.PaymentExpiredError) return { outcome: "unknown" };
        return heard() ? refusedAs(error) : { outcome: "unknown" };
      }
    },

    async refund({ reference, refusals }) {
      // Stripe gives its first answer to a key again for a day, a refusal, too.
      const idempotencyKey = refusals === 0 ? `refund_${reference}` : `refund_${reference}_${refusals}`;
      try {
        await stripe.refunds.create({ payment_intent: reference }, { idempotencyKey });
        return "refunded";
      } catch (cause) {
        if (cause instanceof Stripe.errors.StripeError && cause.code === "charge_already_refunded") return "refunded";
        if (isRefusal(cause)) return "refused";
        throw new GatewayError("payment_failed", { cause, detail: cause instanceof Error ? cause.message : "Stripe failed" });
      }
    },
  };
}
