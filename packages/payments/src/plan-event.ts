import { MICROS_PER_CENT, planName } from "@parley/contracts";
import type { PlanEvent, PlanFact } from "@parley/domain";
import type Stripe from "stripe";
import { idOf } from "./id-of.ts";
import { ownerIn } from "./owner-in.ts";

/** What our own subscriptions bear, so that others of the same account are left alone. */
export const PLAN = "plan";
const CURRENCY = "usd";
/** What this file reads. */
export const PLAN_EVENT_TYPES = [
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "invoice.paid",
  "invoice.payment_succeeded",
  "invoice.payment_failed",
] as const satisfies readonly Stripe.Event.Type[];
/** Of events of one second: a beginning, a change, an end. */
const STEPS: Record<string, number> = { "customer.subscription.created": 0, "customer.subscription.deleted": 2 };
const CHANGE = 1;
/** A month that begins. What else is invoiced, as where a plan is changed in the middle of one, gives nothing. */
const MONTHS: ReadonlySet<string | null> = new Set(["subscription_create", "subscription_cycle"]);

/**
 * An event is kept as the account's version of Stripe's interface had it when it was told; before 2025 these stood elsewhere. What comes by a webhook has the version of its
 * endpoint.
 */
type OlderInvoice = Pick<Stripe.Invoice, "parent"> & {
  subscription?: string | { id: string } | null;
  subscription_details?: { metadata: Stripe.Metadata | null } | null;
};
type OlderSubscription = { current_period_end?: number };

/** The subscription that an invoice is for; null where it is for none. */
function subscriptionOf(invoice: OlderInvoice): { id: string; metadata: Stripe.Metadata | null } | null {
  const { parent, subscription = null, subscription_details: older } = invoice;
  const details = parent?.subscription_details ?? null;
  const id = idOf(details?.subscription ?? subscription);
  return id === null ? null : { id, metadata: details?.metadata ?? older?.metadata ?? null };
}

/** Whose plan an invoice is of; null where it is none of ours. */
export const payerOfInvoice = (invoice: Stripe.Invoice): string | null =>
  soldIn(subscriptionOf(invoice)?.metadata ?? null)?.organizationId ?? null;

/** Whose subscription that is, and what of; null where it is none of ours. */
function soldIn(metadata: Stripe.Metadata | null) {
  const organizationId = ownerIn(metadata, PLAN);
  const { plan, creditMicros = "" } = metadata ?? {};
  if (organizationId === null || !planName.safeParse(plan).success || !/^\d{1,15}$/.test(creditMicros)) return null;
  return { organizationId, plan: plan ?? "", creditMicros: Number(creditMicros) };
}

function ofSubscription(subscription: Stripe.Subscription, type: string): PlanFact | null {
  const sold = soldIn(subscription.metadata);
  if (sold === null) return null;
  const { organizationId, plan } = sold;
  const seconds = subscription.items.data[0]?.current_period_end ?? (subscription as OlderSubscription).current_period_end;
  return {
    ...{ kind: "subscription", organizationId, plan, subscriptionId: subscription.id, status: subscription.status },
    ...{ customerId: idOf(subscription.customer), cancelsAtEnd: subscription.cancel_at_period_end, step: STEPS[type] ?? CHANGE },
    endsAt: seconds === undefined ? null : new Date(seconds * 1_000).toISOString(),
  };
}

function ofInvoice(invoice: Stripe.Invoice, isPaid: boolean): PlanFact | null {
  const subscription = subscriptionOf(invoice);
  const sold = soldIn(subscription?.metadata ?? null);
  if (sold === null || subscription === null || invoice.id === undefined || invoice.currency !== CURRENCY) return null;
  const { creditMicros, ...facts } = sold;
  const shared = { ...facts, subscriptionId: subscription.id, customerId: idOf(invoice.customer), step: CHANGE };
  // Of the first month: it has not begun.
  if (!isPaid)
    return { kind: "invoice_failed", ...shared, status: invoice.billing_reason === "subscription_create" ? "incomplete" : "past_due" };
  const [paidMicros, given] = [invoice.amount_paid * MICROS_PER_CENT, MONTHS.has(invoice.billing_reason) ? creditMicros : 0];
  return { kind: "invoice_paid", ...shared, status: "active", invoiceId: invoice.id, paidMicros, creditMicros: given };
}

function factOf(event: Stripe.Event): PlanFact | null {
  switch (event.type) {
    case "customer.subscription.created":
    case "customer.subscription.updated":
    case "customer.subscription.deleted":
      return ofSubscription(event.data.object, event.type);
    case "invoice.paid":
    case "invoice.payment_succeeded":
      return ofInvoice(event.data.object, true);
    case "invoice.payment_failed":
      return ofInvoice(event.data.object, false);
    default:
      return null;
  }
}

type Facts = Pick<PlanEvent, "id" | "type"> & { created: number };

const toPlanFacts = ({ id, type, created }: Facts, planFact: PlanFact | null): PlanEvent | null =>
  planFact === null ? null : { id, type, createdAt: new Date(created * 1_000).toISOString(), planFact };

/** What an event means for somebody's plan; null where it means nothing. */
export const toPlanEvent = (event: Stripe.Event): PlanEvent | null => toPlanFacts(event, factOf(event));

/** The same of a checkout that was looked at, with its invoice: the first month, once it is paid. */
export function ofSeenInvoice({ id, invoice }: Stripe.Checkout.Session): PlanEvent | null {
  if (invoice === null || typeof invoice === "string" || invoice.status !== "paid") return null;
  const created = invoice.status_transitions.paid_at ?? invoice.created;
  return toPlanFacts({ id, type: "checkout.session", created }, ofInvoice(invoice, true));
}
