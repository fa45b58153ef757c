import type { CheckoutState } from "@parley/contracts";

/** One checkout, for credits of an organization. */
export interface CheckoutOrder {
  organizationId: string;
  principalId: string;
  amountCents: number;
  /** What the payer reads. */
  name: string;
  /** Of an organization that has paid before; null: a new one is made. */
  customerId: string | null;
  /** Where the payer's browser goes on. */
  returnUrl: string;
  /** The same order under the same key is one checkout. */
  idempotencyKey: string | null;
}

/** What has become of a payment, as the payment service tells it. Amounts are totals and not steps, so that any order of events comes to the same. */
export type CardFact =
  | { kind: "paid"; organizationId: string; paidMicros: number; customerId: string | null }
  /** The organization is null where only the payment knows it. */
  | { kind: "refunded"; organizationId: string | null; refundedMicros: number }
  | { kind: "disputed" | "dispute_ended"; disputeId: string; disputedMicros: number };

export interface CardEvent {
  id: string;
  type: string;
  createdAt: string;
  /** What the service knows the payment by; one payment may have many events. */
  paymentId: string;
  fact: CardFact;
}

/** One subscription of an organization's. */
export interface PlanOrder extends Omit<CheckoutOrder, "name" | "amountCents"> {
  plan: string;
  /** Of one month. */
  priceCents: number;
  /** What each paid month gives: it is kept with the subscription, so that it stays what was sold. */
  creditMicros: number;
}

/** What has become of a subscription. States are told, not steps; the moment says which is the newest. */
export type PlanFact = {
  organizationId: string;
  subscriptionId: string;
  plan: string;
  status: string;
  customerId: string | null;
  step: number;
} & (
  | { kind: "subscription"; endsAt: string | null; cancelsAtEnd: boolean }
  | { kind: "invoice_paid"; invoiceId: string; paidMicros: number; creditMicros: number }
  | { kind: "invoice_failed" }
);

export interface PlanEvent {
  id: string;
  type: string;
  createdAt: string;
  planFact: PlanFact;
}

/** An event as the service keeps it. */
export interface ToldEvent {
  id: string;
  createdAt: string;
  /** What it says; null where it is none of ours. */
  read(): CardEvent | PlanEvent | null;
}

/** What a payment was made for that nobody here has heard of. */
export type FoundPayment =
  | { kind: "credits" }
  /** One call, by its offer. */
  | { kind: "call"; challengeId: string }
  | { kind: "plan"; organizationId: string; invoiceId: string };

/** Cards, behind one adapter. What it throws is `payment_failed`, with the service's words in the log only. */
export interface CardPayments {
  createCheckout(order: CheckoutOrder): Promise<{ id: string; url: string; expiresAt: string }>;
  createSubscription(order: PlanOrder): Promise<{ id: string; url: string; expiresAt: string }>;
  openPortal(customer: { customerId: string; returnUrl: string }): Promise<string>;
  /**
   * What an event says, once its signature and its age are found to be right; null for one that is none of ours. Throws `payment_refused`, and
   * `payments_not_configured` where there is no secret to check with.
   */
  readEvent(delivery: { body: Uint8Array; signature: string }): Promise<CardEvent | PlanEvent | null>;
  /** Whose checkout that is, what has become of it, and what its payment means; the event is null until it is paid. Null where there is none. */
  findCheckout(
    checkoutId: string,
  ): Promise<{ organizationId: string | null; state: CheckoutState; event: CardEvent | PlanEvent | null } | null>;
  /** So that it cannot be paid any more. False where it was, or somebody is at it. */
  closeCheckout(checkoutId: string): Promise<boolean>;
  /** What the service has told in a stretch of time: a page, newest first, from behind that event on. `nextId` is null with the last one. */
  listEvents(stretch: { fromMs: number; untilMs: number; afterId: string | null }): Promise<{ events: ToldEvent[]; nextId: string | null }>;
  /** Null where it is kept no more. */
  fetchEvent(eventId: string): Promise<ToldEvent | null>;
  /** Null where it is for none of what we sell. */
  findPayment(paymentId: string): Promise<FoundPayment | null>;
}
