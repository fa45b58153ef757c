import { type CheckoutState, GatewayError } from "@parley/contracts";
import type { CardPayments, ToldEvent } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import type Stripe from "stripe";
import { findPayment, unlessMissing } from "./find-payment.ts";
import { openStripe } from "./open-stripe.ts";
import { ownerIn } from "./owner-in.ts";
import { ofSeenInvoice, PLAN, PLAN_EVENT_TYPES, toPlanEvent } from "./plan-event.ts";
import type { PaymentSettings } from "./settings.ts";
import { CARD_EVENT_TYPES, CREDITS, ofSeenCheckout, toCardEvent } from "./stripe-event.ts";

/** How old an event's signature may be. */
const TOLERANCE_SECONDS = 300;
/** As many as Stripe lists at once. */
const PAGE = 100;
const TYPES = [...CARD_EVENT_TYPES, ...PLAN_EVENT_TYPES];

/** Nothing of what Stripe says goes to the caller: it may name the account. */
async function asked<Answer>(asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking;
  } catch (cause) {
    throw new GatewayError("payment_failed", { cause, detail: cause instanceof Error ? cause.message : "Stripe failed" });
  }
}

function checkoutOf({ id, url, expires_at: expiresAt }: Stripe.Checkout.Session) {
  if (url === null) throw new GatewayError("payment_failed", { detail: "a checkout without an address" });
  return { id, url, expiresAt: new Date(expiresAt * 1_000).toISOString() };
}

/** What becomes of a payment that takes its time stands with the payment. */
function stateOf({ status, payment_status: payment, payment_intent: intent }: Stripe.Checkout.Session): CheckoutState {
  if (status === "expired") return "expired";
  const hasEnded = typeof intent === "object" && (intent?.status === "requires_payment_method" || intent?.status === "canceled");
  return status === "complete" && payment === "unpaid" && hasEnded ? "failed" : "open";
}

const meaningOf = (event: Stripe.Event) => toPlanEvent(event) ?? toCardEvent(event);

const toldOf = (event: Stripe.Event): ToldEvent => ({
  id: event.id,
  createdAt: new Date(event.created * 1_000).toISOString(),
  read: () => meaningOf(event),
});

/** Money in by card. Null where there is no key for it. */
export function createCardPayments(settings: PaymentSettings, fetch: EgressFetch): CardPayments | null {
  const { STRIPE_WEBHOOK_SECRET: secrets = [] } = settings;
  const opened = openStripe(settings, fetch);
  if (opened === null) return null;

  return {
    async createCheckout({ organizationId, principalId, amountCents, name, customerId, returnUrl, idempotencyKey }) {
      const metadata = { type: CREDITS, ownerId: organizationId, principalId };
      const stripe = await opened();
      const session = await asked(
        stripe.checkout.sessions.create(
          {
            mode: "payment",
            line_items: [{ quantity: 1, price_data: { currency: "usd", unit_amount: amountCents, product_data: { name } } }],
            client_reference_id: organizationId,
            metadata,
            // The charge has them, too, so that its refund says whose it is.
            payment_intent_data: { metadata },
            ...(customerId === null ? { customer_creation: "always" } : { customer: customerId }),
            success_url: `${returnUrl}?paid={CHECKOUT_SESSION_ID}`,
            cancel_url: returnUrl,
          },
          idempotencyKey === null ? {} : { idempotencyKey },
        ),
      );
      return checkoutOf(session);
    },

    async createSubscription({ organizationId, principalId, plan, priceCents, creditMicros, customerId, returnUrl, idempotencyKey }) {
      const metadata = { type: PLAN, ownerId: organizationId, principalId, plan, creditMicros: String(creditMicros) };
      const stripe = await opened();
      const session = await asked(
        stripe.checkout.sessions.create(
          {
            mode: "subscription",
            line_items: [
              {
                quantity: 1,
                price_data: { currency: "usd", unit_amount: priceCents, recurring: { interval: "month" }, product_data: { name: plan } },
              },
            ],
            client_reference_id: organizationId,
            metadata,
            // What the subscription bears, each of its events and invoices does, too.
            subscription_data: { metadata },
            ...(customerId === null ? {} : { customer: customerId }),
            success_url: `${returnUrl}?paid={CHECKOUT_SESSION_ID}`,
            cancel_url: returnUrl,
          },
          idempotencyKey === null ? {} : { idempotencyKey },
        ),
      );
      return checkoutOf(session);
    },

    async openPortal({ customerId, returnUrl }) {
      const stripe = await opened();
      const { url } = await asked(stripe.billingPortal.sessions.create({ customer: customerId, return_url: returnUrl }));
      return url;
    },

    async readEvent({ body, signature }) {
      if (secrets.length === 0) throw new GatewayError("payments_not_configured");
      const stripe = await opened();
      for (const secret of secrets) {
        let event: Stripe.Event;
        try {
          event = stripe.webhooks.constructEvent(Buffer.from(body), signature, secret, TOLERANCE_SECONDS);
        } catch {
          continue;
        }
        return meaningOf(event);
      }
      throw new GatewayError("payment_refused");
    },

    async findCheckout(checkoutId) {
      const { sessions } = (await opened()).checkout;
      const session = await asked(unlessMissing(sessions.retrieve(checkoutId, { expand: ["invoice", "payment_intent"] })));
      if (session === null) return null;
      const organizationId = ownerIn(session.metadata, CREDITS) ?? ownerIn(session.metadata, PLAN);
      return { organizationId, state: stateOf(session), event: ofSeenInvoice(session) ?? ofSeenCheckout(session) };
    },

    async closeCheckout(checkoutId) {
      const { sessions } = (await opened()).checkout;
      const session = await asked(unlessMissing(sessions.retrieve(checkoutId)));
      if (session?.status !== "open") return session?.status !== "complete";
      try {
        await sessions.expire(checkoutId);
        return true;
      } catch (cause) {
        // It was paid, or has expired, in between.
        const later = await asked(unlessMissing(sessions.retrieve(checkoutId)));
        if (later?.status !== "open") return later?.status !== "complete";
        throw new GatewayError("payment_failed", { cause, detail: "a checkout that could not be closed" });
      }
    },

    async listEvents({ fromMs, untilMs, afterId }) {
      const created = { gte: Math.floor(fromMs / 1_000), lte: Math.ceil(untilMs / 1_000) };
      const asking = { created, types: TYPES, limit: PAGE, ...(afterId !== null && { starting_after: afterId }) };
      const { data, has_more: hasMore } = await asked((await opened()).events.list(asking));
      return { events: data.map(toldOf), nextId: hasMore ? (data.at(-1)?.id ?? null) : null };
    },

    async fetchEvent(eventId) {
      const event = await asked(unlessMissing((await opened()).events.retrieve(eventId)));
      return event === null ? null : toldOf(event);
    },

    findPayment: async (paymentId) => asked(findPayment(await opened(), paymentId)),
  };
}
