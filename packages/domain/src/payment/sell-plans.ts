import { type Checkout, GatewayError, MICROS_PER_CENT, type Subscribe } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { callOnce } from "../idempotency/call-once.ts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";
import { wholeOf } from "../identity/whole-of.ts";
import { orderKey } from "./order-key.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";
import { cardsOf, returnUrlOf } from "./take-cards.ts";

const INVOICES_MAX = 12;

type PlanUseCases = Pick<PaymentUseCases, "listPlans" | "subscribe">;

async function subscribe(context: GatewayContext, caller: Caller, { plan: name }: Subscribe, once?: Once): Promise<Checkout> {
  const { principalId } = caller;
  const organizationId = wholeOf(caller);
  const cards = cardsOf(context);
  const returnUrl = returnUrlOf(context);
  const plan = context.plans.find((one) => one.name === name);
  if (plan === undefined) {
    throw new GatewayError("invalid_input", { issues: [{ path: ["plan"], code: "not_sold", message: "There is no such plan." }] });
  }
  const { subscriptions } = await context.payments.readPlan(organizationId, 0);
  if (subscriptions.length > 0) throw new GatewayError("plan_active");
  const order = {
    ...{ organizationId, principalId, returnUrl, plan: name },
    ...{ priceCents: plan.priceMicros / MICROS_PER_CENT, creditMicros: plan.creditMicros },
    customerId: await context.payments.customerOf(organizationId),
  };
  const { id, url, expiresAt } = await cards.createSubscription({ ...order, idempotencyKey: orderKey(context, order, once) });
  // Of two that are open both could be paid, and both would be charged each month.
  for (let closedId: string | null = null; ; ) {
    const open = await context.payments.notePlanCheckout({ organizationId, checkoutId: id, closedId });
    if (open === null) return { url, sessionId: id, expiresAt };
    if (!(await cards.closeCheckout(open))) {
      await cards.closeCheckout(id);
      throw new GatewayError("plan_active", { text: "A plan was paid for a moment ago: it will be there shortly." });
    }
    closedId = open;
  }
}

/** Plans that are paid by the month, by card. */
export function sellPlans(context: GatewayContext): PlanUseCases {
  return {
    async listPlans(caller) {
      const organizationId = wholeOf(caller);
      const packs = context.packCents.map((cents) => ({
        ...{ pack: String(cents), priceMicros: cents * MICROS_PER_CENT, creditMicros: cents * MICROS_PER_CENT },
      }));
      const { subscriptions, invoices } = await context.payments.readPlan(organizationId, INVOICES_MAX);
      return { plans: [...context.plans], packs, subscription: subscriptions[0] ?? null, subscriptions, invoices };
    },

    subscribe: (caller, input, once) =>
      callOnce(context, { caller, once, input, signal: AbortSignal.timeout(context.limits.syncWaitMs) }, () =>
        subscribe(context, caller, input, once),
      ),
  };
}
