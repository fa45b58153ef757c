import { LIMITS } from "@parley/contracts";
import { expect, it } from "vitest";
import type { GatewayContext } from "../gateway-ports.ts";
import { sellPlans } from "./sell-plans.ts";
import { takeCards } from "./take-cards.ts";

const caller = { organizationId: "o", principalId: "key_one", scopes: new Set<never>(), agentIds: null };
const plan = { name: "solo", priceMicros: 29_000_000, creditMicros: 30_000_000 };

/** What plans and cards need; whoever is asked for a payment here has gone too far. */
const contextWith = (more: object): GatewayContext =>
  ({
    ...{ limits: LIMITS, plans: [plan], packCents: [1_000], publicUrl: "https://gateway.test", cards: {} },
    payments: {
      readPlan: async () => ({ subscriptions: [{ plan: "solo", status: "active" }], invoices: [] }),
      customerOf: async () => null,
    },
    ...more,
  }) as unknown as GatewayContext;

it("sells no second plan to who has one", async () => {
  await expect(sellPlans(contextWith({})).subscribe(caller, { plan: "solo" })).rejects.toMatchObject({ code: "plan_active" });
});

it.each([{ cards: null }, { publicUrl: null }])("takes no card where %j: nothing is said of what is missing", async (missing) => {
  const context = contextWith(missing);
  const refused = { code: "payments_not_configured" };
  await expect(sellPlans(context).subscribe(caller, { plan: "solo" })).rejects.toMatchObject(refused);
  await expect(takeCards(context).createCheckout(caller, { pack: "1000" })).rejects.toMatchObject(refused);
});

it("a repeated order has the key that it had, and another one where the payer has become a customer meanwhile", async () => {
  const keys: (string | null)[] = [];
  const take = async ({ idempotencyKey }: { idempotencyKey: string | null }) => {
    keys.push(idempotencyKey);
    return { id: "cs_1", url: "https://pay.test", expiresAt: "" };
  };
  let customer: string | null = null;
  const context = contextWith({
    ...{ cards: { createCheckout: take, createSubscription: take }, hashBody: (text: string) => text },
    // As where the first answer was lost: each call is the first.
    repeats: { claim: async () => ({ state: "claimed" }), settleClaim: async () => undefined },
    clock: { monotonicMs: () => 0, sleep: () => new Promise(() => {}) },
    payments: {
      readPlan: async () => ({ subscriptions: [], invoices: [] }),
      customerOf: async () => customer,
      notePlanCheckout: async () => null,
    },
  });
  const once = { route: "r", key: "k" };
  const order = async () => {
    await sellPlans(context).subscribe(caller, { plan: "solo" }, once);
    await takeCards(context).createCheckout(caller, { pack: "1000" }, once);
  };
  await order();
  await order();
  customer = "cus_1";
  await order();
  const [plan1, pack1, plan2, pack2, plan3, pack3] = keys;
  expect([plan2, pack2]).toEqual([plan1, pack1]);
  expect(new Set([plan1, pack1, plan3, pack3]).size).toBe(4);
});

it("a plugin's part of a cent is a whole one by card, and half a dollar is the least", async () => {
  const centsOf = async (micros: number) => {
    let cents = 0;
    const createCheckout = async ({ amountCents }: { amountCents: number }) => {
      cents = amountCents;
      return { id: "cs_1", url: "https://pay.test", expiresAt: "" };
    };
    const billing = { findPrice: async () => ({ unitPico: micros * 1_000_000, withdrawn: false }) };
    await takeCards(contextWith({ cards: { createCheckout }, billing })).createCheckout(caller, { plugin: "agent" });
    return cents;
  };
  expect([await centsOf(750_001), await centsOf(750_000), await centsOf(490_001), await centsOf(1)]).toEqual([76, 75, 50, 50]);
});
