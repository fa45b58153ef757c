import { MICROS_PER_CENT } from "@parley/contracts";
import type { CardEvent, CardFact } from "@parley/domain";
import type Stripe from "stripe";
import { idOf } from "./id-of.ts";
import { ownerIn } from "./owner-in.ts";

/** What our own checkouts bear, so that others of the same account are left alone. */
export const CREDITS = "credits";
const CURRENCY = "usd";
/** A charge's refunds are told as a total each time; a payment that needs no money has none. */
const PAID = new Set(["paid", "no_payment_required"]);
const LOST: Record<string, boolean> = { lost: true, won: false, warning_closed: false, prevented: false };

/** What this file reads. */
export const CARD_EVENT_TYPES = [
  "checkout.session.completed",
  "checkout.session.async_payment_succeeded",
  "charge.refunded",
  "charge.dispute.created",
  "charge.dispute.closed",
] as const satisfies readonly Stripe.Event.Type[];

type Found = { paymentId: string | null; fact: CardFact };

function ofCheckout(session: Stripe.Checkout.Session): Found | null {
  const { mode, metadata, payment_status: status, currency, amount_total: cents } = session;
  const organizationId = ownerIn(metadata, CREDITS);
  if (mode !== "payment" || organizationId === null) return null;
  // Money that takes its time is told of by another event once it is there.
  if (!PAID.has(status) || currency !== CURRENCY || cents === null) return null;
  const fact: CardFact = { kind: "paid", organizationId, paidMicros: cents * MICROS_PER_CENT, customerId: idOf(session.customer) };
  return { paymentId: idOf(session.payment_intent) ?? session.id, fact };
}

function ofCharge(charge: Stripe.Charge): Found | null {
  if (charge.currency !== CURRENCY) return null;
  // Those of plans and of single calls bear nothing of ours: their payments are looked for.
  const organizationId = ownerIn(charge.metadata, CREDITS);
  return {
    paymentId: idOf(charge.payment_intent),
    fact: { kind: "refunded", organizationId, refundedMicros: charge.amount_refunded * MICROS_PER_CENT },
  };
}

function ofDispute(dispute: Stripe.Dispute, hasEnded: boolean): Found | null {
  if (dispute.currency !== CURRENCY) return null;
  const disputedMicros = dispute.amount * MICROS_PER_CENT;
  const paymentId = idOf(dispute.payment_intent);
  const { id: disputeId } = dispute;
  if (!hasEnded) return { paymentId, fact: { kind: "disputed", disputeId, disputedMicros } };
  return { paymentId, fact: { kind: "dispute_ended", disputeId, disputedMicros: LOST[dispute.status] === false ? 0 : disputedMicros } };
}

function factOf(event: Stripe.Event): Found | null {
  switch (event.type) {
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
      return ofCheckout(event.data.object);
    case "charge.refunded":
      return ofCharge(event.data.object);
    case "charge.dispute.created":
      return ofDispute(event.data.object, false);
    case "charge.dispute.closed":
      return ofDispute(event.data.object, true);
    default:
      return null;
  }
}

type Facts = Pick<CardEvent, "id" | "type"> & { created: number };

const toCardFacts = ({ id, type, created }: Facts, found: Found | null): CardEvent | null =>
  found === null || found.paymentId === null
    ? null
    : { id, type, createdAt: new Date(created * 1_000).toISOString(), paymentId: found.paymentId, fact: found.fact };

/** What an event means for somebody's credits; null where it means nothing. */
export const toCardEvent = (event: Stripe.Event): CardEvent | null => toCardFacts(event, factOf(event));

/** The same of a checkout that was looked at. */
export const ofSeenCheckout = (session: Stripe.Checkout.Session): CardEvent | null =>
  toCardFacts({ id: session.id, type: "checkout.session", created: session.created }, ofCheckout(session));
