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
