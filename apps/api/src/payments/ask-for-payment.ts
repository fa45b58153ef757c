import { createHash } from "node:crypto";
import { type ErrorCode, GatewayError, microsToDollars } from "@parley/contracts";
import type { Gateway, RefusedCredential } from "@parley/domain";
import { hasScope, routeRow } from "@parley/router";
import { readAcceptPayment } from "./accept-payment.ts";
import { describePlugin } from "./describe-plugin.ts";
import { guestOf } from "./guest.ts";
import type { Json } from "./plugins/plugin.ts";
import { PaidRefusal, type Sale } from "./sale.ts";

/** What the standard's problems are here, beside the one that most of them are. */
const CODES: Record<number, ErrorCode> = { 400: "bad_request", 410: "channel_gone" };

export const digestOf = (name: string, body: Json): string =>
  createHash("sha256")
    .update(JSON.stringify([name, body]))
    .digest("base64url");

interface Unpaid {
  organizationId: string | null;
  /** A payment that was shown; it is told why beside fresh offers. */
  refused?: RefusedCredential;
  /** Credits that are used up. */
  unpaid?: GatewayError;
}

/** Where credits are bought by card, and for how much, by those who may. */
function checkoutFor(gateway: Gateway, { name, known }: Sale, priceMicros: number) {
  const offered = known !== null && hasScope(known, routeRow("payment.checkout")) ? gateway.offerCheckout(priceMicros) : null;
  if (offered === null) return undefined;
  const amount = microsToDollars(offered.amountMicros);
  return { checkoutUrl: `/api/v1/payments/stripe/create?plugin=${name}`, amount, currency: "usd", credits: amount };
}

/**
 * How to pay: in each way that the caller accepts, by what stands in the header too, or by card. Only ways that are open to it are named. Throws what refuses a call whose
 * seller has nothing left for its models: what is paid outside fills no purse that they are paid from.
 */
export async function askForPayment(gateway: Gateway, sale: Sale, { organizationId, refused, unpaid }: Unpaid): Promise<PaidRefusal> {
  const { name, request, response, visitor, body } = sale;
  const amountMicros = organizationId === null ? null : await gateway.priceOf(organizationId, name);
  if (organizationId !== null && amountMicros === null) throw new GatewayError("unknown_plugin");
  const description = describePlugin(name);
  const besideKey = visitor.credential !== null;
  const order = { plugin: name, amountMicros: amountMicros ?? 0, description, digest: digestOf(name, body), besideKey };
  const accepted = readAcceptPayment(request.get("accept-payment"));
  const buyer = sale.known ?? guestOf(organizationId ?? "", "guest");
  const canWork = organizationId === null || !sale.plugin.usesModels || (await gateway.hasRoom(buyer));
  // Of the seller's own money a guest is told nothing.
  if (!canWork && refused === undefined && unpaid === undefined)
    throw new GatewayError(sale.known === null ? "model_unavailable" : "budget_exhausted");
  const offers = organizationId === null || !canWork ? [] : await gateway.offerCall(organizationId, order, accepted);
  if (offers.length > 0)
    response.setHeader(
      "www-authenticate",
      offers.map(({ header }) => header),
    );
  const plain = offers.find((offer) => offer.plain !== undefined)?.plain;
  const stripe = checkoutFor(gateway, sale, amountMicros ?? 0);
  const takesCards = stripe !== undefined || offers.some(({ method }) => method.startsWith("stripe/"));
  const ways = [...(takesCards ? ["Stripe"] : []), ...(plain === undefined ? [] : ["Tempo MPP"])];
  const choice = ways.length === 0 ? "" : ` Choose payment method: ${ways.join(" or ")}.`;
  const text = `${unpaid?.message ?? `Payment required for ${name}.`}${choice}`;
  const isProblem = refused?.dialect === "mpp";
  const problem = isProblem ? { ...refused?.problem, challengeId: refused?.challengeId } : {};
  const code = CODES[refused?.problem.status ?? 402] ?? "payment_required";
  const reason = new GatewayError(code, { text: refused?.problem.detail ?? text, refusedBy: unpaid?.refusedBy });
  return new PaidRefusal(
    reason,
    { ...(plain !== undefined && { mpp: plain }), ...(stripe !== undefined && { stripe }), ...problem },
    isProblem,
  );
}
