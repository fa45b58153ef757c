import { randomUUID } from "node:crypto";
import type Stripe from "stripe";
import { describe, expect, test } from "vitest";
import { toPlanEvent } from "./plan-event.ts";
import { toCardEvent } from "./stripe-event.ts";

const eventOf = (type: string, object: object) => ({ id: "evt_1", type, created: 1, data: { object } }) as unknown as Stripe.Event;
const checkout = (metadata: object) =>
  eventOf("checkout.session.completed", {
    ...{ id: "cs_1", mode: "payment", payment_status: "paid", currency: "usd", amount_total: 500, metadata },
    ...{ customer: null, payment_intent: "pi_1" },
  });
const subscription = (metadata: object) =>
  eventOf("customer.subscription.updated", { id: "sub_1", status: "active", items: { data: [] }, customer: null, metadata });

describe("an event of Stripe's", () => {
  test("is somebody's by the organization that stands on it", () => {
    const ownerId = randomUUID();
    expect(toCardEvent(checkout({ type: "credits", ownerId }))?.fact).toMatchObject({ kind: "paid", organizationId: ownerId });
    const plan = { type: "plan", ownerId, plan: "solo", creditMicros: "5" };
    expect(toPlanEvent(subscription(plan))?.planFact).toMatchObject({ organizationId: ownerId });
  });

  test.each(["user_123", "", undefined])("of another product that calls its owner %j is none of ours", (ownerId) => {
    expect(toCardEvent(checkout({ type: "credits", ownerId }))).toBeNull();
    expect(toPlanEvent(subscription({ type: "plan", ownerId, plan: "solo", creditMicros: "5" }))).toBeNull();
  });
});

const ownerId = randomUUID();
const checkoutOf = (facts: object) =>
  eventOf("checkout.session.completed", {
    ...{ id: "cs_1", mode: "payment", payment_status: "paid", currency: "usd", amount_total: 500 },
    ...{ customer: null, payment_intent: "pi_1", metadata: { type: "credits", ownerId } },
    ...facts,
  });
const chargeOf = (facts: object) =>
  eventOf("charge.refunded", { id: "ch_1", payment_intent: "pi_1", metadata: {}, currency: "usd", amount_refunded: 300, ...facts });
const disputeOf = (facts: object) =>
  eventOf("charge.dispute.closed", { id: "dp_1", payment_intent: "pi_1", currency: "usd", amount: 300, status: "lost", ...facts });
const invoiceOf = (facts: object) =>
  eventOf("invoice.paid", {
    ...{ id: "in_1", currency: "usd", amount_paid: 2900, customer: null, billing_reason: "subscription_cycle" },
    parent: { subscription_details: { subscription: "sub_1", metadata: { type: "plan", ownerId, plan: "solo", creditMicros: "5" } } },
    ...facts,
  });

test("cents are micro-units of dollars, and money of another currency is none of ours: it would be booked as so many dollars", () => {
  expect(toCardEvent(checkoutOf({}))?.fact).toMatchObject({ kind: "paid", paidMicros: 5_000_000 });
  expect(toCardEvent(chargeOf({}))?.fact).toMatchObject({ kind: "refunded", refundedMicros: 3_000_000 });
  expect(toCardEvent(disputeOf({}))?.fact).toMatchObject({ kind: "dispute_ended", disputedMicros: 3_000_000 });
  expect(toPlanEvent(invoiceOf({}))?.planFact).toMatchObject({ kind: "invoice_paid", paidMicros: 29_000_000, creditMicros: 5 });
  const currency = "jpy";
  for (const event of [checkoutOf({ currency }), chargeOf({ currency }), disputeOf({ currency })]) expect(toCardEvent(event)).toBeNull();
  expect(toPlanEvent(invoiceOf({ currency }))).toBeNull();
});

test("a checkout that is complete and not paid has brought no money yet; one that needs none is paid", () => {
  expect(toCardEvent(checkoutOf({ payment_status: "unpaid" }))).toBeNull();
  expect(toCardEvent(checkoutOf({ payment_status: "no_payment_required", amount_total: 0 }))?.fact).toMatchObject({ paidMicros: 0 });
});

test.each([
  ["lost", 3_000_000],
  ["won", 0],
  ["warning_closed", 0],
  ["prevented", 0],
  ["of a kind that nobody has heard of", 3_000_000],
])("a dispute that ended %s has taken %i", (status, disputedMicros) => {
  expect(toCardEvent(disputeOf({ status }))?.fact).toMatchObject({ kind: "dispute_ended", disputedMicros });
});

test("of what is told of a subscription in one second the beginning comes before changes, and the end after them", () => {
  const types = ["customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted"];
  const metadata = { type: "plan", ownerId, plan: "solo", creditMicros: "5" };
  const steps = types.map((type) => {
    const subscription = { id: "sub_1", status: "active", items: { data: [] }, customer: null, metadata };
    return toPlanEvent(eventOf(type, subscription))?.planFact.step ?? -1;
  });
  expect(steps).toEqual(steps.toSorted((a, b) => a - b));
  expect(new Set([...steps, toPlanEvent(invoiceOf({}))?.planFact.step]).size).toBe(3);
});
