import { type Checkout, type CheckoutInput, GatewayError, MICROS_PER_CENT } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { callOnce } from "../idempotency/call-once.ts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";
import { wholeOf } from "../identity/whole-of.ts";
import { bookCardEvent } from "./book-card-event.ts";
import type { CardPayments } from "./card-payments.ts";
import { orderKey } from "./order-key.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";
import { priceOfPlugin } from "./plugin-price.ts";

/** Cards are not charged less. */
const CENTS_MIN = 50;

type CardUseCases = Pick<PaymentUseCases, "offerCheckout" | "createCheckout" | "verifyCheckout" | "openPortal" | "receiveCardEvent">;

export function cardsOf({ cards }: GatewayContext): CardPayments {
  if (cards === null) throw new GatewayError("payments_not_configured");
  return cards;
}

/** Where a payer's browser goes on: to the dashboard. */
export function returnUrlOf({ publicUrl }: GatewayContext): string {
  if (publicUrl === null) throw new GatewayError("payments_not_configured", { detail: "PUBLIC_URL is needed for a payer to come back to" });
  return `${publicUrl}/app/`;
}

const notSold = (field: "pack" | "plugin", message: string): GatewayError =>
  new GatewayError("invalid_input", { issues: [{ path: [field], code: "not_sold", message }] });

async function centsOf(context: GatewayContext, { organizationId }: Caller, { pack, plugin }: CheckoutInput): Promise<number> {
  const { packCents } = context;
  if (pack !== undefined) {
    const cents = Number(pack);
    if (!packCents.includes(cents)) throw notSold("pack", `Packs are ${packCents.join(", ")}.`);
    return cents;
  }
  if (plugin === undefined) throw notSold("pack", "A pack or a plugin is named.");
  const micros = await priceOfPlugin(context, organizationId, plugin);
  if (micros === null) throw notSold("plugin", "There is no such plugin.");
  return centsFor(micros);
}

/** What is charged for credits of so much. */
const centsFor = (micros: number): number => Math.max(CENTS_MIN, Math.ceil(micros / MICROS_PER_CENT));

async function createCheckout(context: GatewayContext, caller: Caller, input: CheckoutInput, once?: Once): Promise<Checkout> {
  const { principalId } = caller;
  const organizationId = wholeOf(caller);
  const cards = cardsOf(context);
  const returnUrl = returnUrlOf(context);
  const amountCents = await centsOf(context, caller, input);
  const order = {
    ...{ organizationId, principalId, amountCents, returnUrl },
    name: input.plugin === undefined ? "Credits" : `Credits for ${input.plugin}`,
    customerId: await context.payments.customerOf(organizationId),
  };
  const { id, url, expiresAt } = await cards.createCheckout({ ...order, idempotencyKey: orderKey(context, order, once) });
  return { url, sessionId: id, expiresAt };
}

/** Credits by card: where to pay, and what comes of it. */
export function takeCards(context: GatewayContext): CardUseCases {
  return {
    offerCheckout(micros) {
      const isSetUp = context.cards !== null && context.publicUrl !== null;
      return isSetUp ? { amountMicros: centsFor(micros) * MICROS_PER_CENT } : null;
    },

    createCheckout: (caller, input, once) =>
      callOnce(context, { caller, once, input, signal: AbortSignal.timeout(context.limits.syncWaitMs) }, () =>
        createCheckout(context, caller, input, once),
      ),

    async verifyCheckout(caller, { sessionId }) {
      const organizationId = wholeOf(caller);
      const cards = cardsOf(context);
      const found = await cards.findCheckout(sessionId);
      if (found?.organizationId !== organizationId) throw new GatewayError("not_found");
      await bookCardEvent({ cards, payments: context.payments }, found.event);
      return { sessionId, status: found.event === null ? found.state : "paid" };
    },

    async openPortal(caller) {
      const organizationId = wholeOf(caller);
      const cards = cardsOf(context);
      const customerId = await context.payments.customerOf(organizationId);
      if (customerId === null) throw new GatewayError("not_found");
      return { url: await cards.openPortal({ customerId, returnUrl: returnUrlOf(context) }) };
    },

    async receiveCardEvent(delivery) {
      const cards = cardsOf(context);
      await bookCardEvent({ cards, payments: context.payments }, await cards.readEvent(delivery));
    },
  };
}
