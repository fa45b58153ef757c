import { microsToDollars } from "@parley/contracts";
import type { Gateway } from "@parley/domain";
import { hasScope, routeRow } from "@parley/router";
import { readAcceptPayment } from "./accept-payment.ts";
import { describePlugin } from "./describe-plugin.ts";
import { digestOf } from "./digest-of.ts";
import { guestOf } from "./guest.ts";
import type { Sale } from "./sale.ts";

interface Priced {
  /** Whom the money goes to; null: nobody, and nothing is offered. */
  seller: string | null;
  /** 0: it costs nothing, null: nobody sells it; there is nothing to pay then. */
  amountMicros: number | null;
}

interface WaysToPay {
  /** In words, for a sentence. */
  names: string[];
  /** For the answer's body. */
  body: object;
  /** The answer's head has a challenge. */
  isOffered: boolean;
}

/** Where credits are bought by card, and for how much, by those who may. */
function checkoutFor(gateway: Gateway, { name, known }: Sale, priceMicros: number) {
  const offered = known !== null && hasScope(known, routeRow("payment.checkout")) ? gateway.offerCheckout(priceMicros) : null;
  if (offered === null) return undefined;
  const amount = microsToDollars(offered.amountMicros);
  return { checkoutUrl: `/api/v1/payments/stripe/create?plugin=${name}`, amount, currency: "usd", credits: amount };
}

/** Whether the seller has anything left for the call's models: what is paid outside fills no purse that they are paid from. */
export const canSell = async (gateway: Gateway, { known, plugin }: Sale, organizationId: string): Promise<boolean> =>
  !plugin.usesModels || gateway.hasRoom(known ?? guestOf(organizationId, "guest"));

/** The ways to pay that are open to a call and accepted by its caller: fresh offers, which stand in the answer's head too, and cards. */
export async function waysToPay(gateway: Gateway, sale: Sale, { seller, amountMicros }: Priced): Promise<WaysToPay> {
  if (amountMicros === null || amountMicros === 0) return { names: [], body: {}, isOffered: false };
  const { name, request, response, visitor, body } = sale;
  const besideKey = visitor.credential !== null;
  const order = { plugin: name, amountMicros, description: describePlugin(name), digest: digestOf(name, body), besideKey };
  const accepted = readAcceptPayment(request.get("accept-payment"));
  const offers = seller === null ? [] : await gateway.offerCall(seller, order, accepted);
  if (offers.length > 0)
    response.setHeader(
      "www-authenticate",
      offers.map(({ header }) => header),
    );
  const plain = offers.find((offer) => offer.plain !== undefined)?.plain;
  const stripe = checkoutFor(gateway, sale, amountMicros);
  const takesCards = stripe !== undefined || offers.some(({ method }) => method.startsWith("stripe/"));
  return {
    names: [...(takesCards ? ["Stripe"] : []), ...(plain === undefined ? [] : ["Tempo MPP"])],
    body: { ...(plain !== undefined && { mpp: plain }), ...(stripe !== undefined && { stripe }) },
    isOffered: offers.length > 0,
  };
}
