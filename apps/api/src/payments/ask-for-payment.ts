import { createHash } from "node:crypto";
import { type ErrorCode, GatewayError, microsToDollars } from "@parley/contracts";
import type { Gateway, RefusedCredential } from "@parley/domain";
import { readAcceptPayment } from "./accept-payment.ts";
import type { Json } from "./plugins/plugin.ts";
import { PaidRefusal, type Sale } from "./sale.ts";

const DESCRIPTIONS: Record<string, string> = {
  agent: "Agent orchestrator request",
  "generate-text": "Text generation (LLM inference)",
  tts: "Text-to-speech synthesis",
  stt: "Speech-to-text transcription",
};

/** What the standard's problems are here, beside the one that most of them are. */
const CODES: Record<number, ErrorCode> = { 400: "bad_request", 410: "channel_gone" };

export const digestOf = (name: string, body: Json): string =>
  createHash("sha256")
    .update(JSON.stringify([name, body]))
    .digest("base64url");

/** How to pay: in each way that the caller accepts, by what stands in the header too, or by card. A refused payment is told why beside fresh offers. */
export async function askForPayment(
  gateway: Gateway,
  { name, request, response, visitor, body }: Sale,
  { organizationId, refused }: { organizationId: string | null; refused?: RefusedCredential },
): Promise<PaidRefusal> {
  const amountMicros = organizationId === null ? null : await gateway.priceOf(organizationId, name);
  if (organizationId !== null && amountMicros === null) throw new GatewayError("unknown_plugin");
  const description = DESCRIPTIONS[name] ?? name;
  const besideKey = visitor.credential !== null;
  const order = { plugin: name, amountMicros: amountMicros ?? 0, description, digest: digestOf(name, body), besideKey };
  const accepted = readAcceptPayment(request.get("accept-payment"));
  const offers = organizationId === null ? [] : await gateway.offerCall(organizationId, order, accepted);
  if (offers.length > 0)
    response.setHeader(
      "www-authenticate",
      offers.map(({ header }) => header),
    );
  const plain = offers.find((offer) => offer.plain !== undefined)?.plain;
  const text = `Payment required for ${name}. Choose payment method: Stripe${plain === undefined ? "" : " or Tempo MPP"}.`;
  const stripe = {
    checkoutUrl: `/api/v1/payments/stripe/create?plugin=${name}`,
    amount: microsToDollars(amountMicros ?? 0),
    currency: "usd",
  };
  const isProblem = refused?.dialect === "mpp";
  const problem = isProblem ? { ...refused?.problem, challengeId: refused?.challengeId } : {};
  const code = CODES[refused?.problem.status ?? 402] ?? "payment_required";
  const reason = new GatewayError(code, { text: refused?.problem.detail ?? text });
  return new PaidRefusal(reason, { ...(plain !== undefined && { mpp: plain }), stripe, ...problem }, isProblem);
}
