import { type ErrorCode, GatewayError } from "@parley/contracts";
import { type Gateway, type RefusedCredential, unpaidProblem } from "@parley/domain";
import { PaidRefusal, type Sale } from "./sale.ts";
import { canSell, waysToPay } from "./ways-to-pay.ts";

/** What the standard's problems are here, beside the one that most of them are. */
const CODES: Record<number, ErrorCode> = { 400: "bad_request", 410: "channel_gone" };

interface Unpaid {
  organizationId: string | null;
  /** A payment that was shown; it is told why beside fresh offers. */
  refused?: RefusedCredential;
  /** Credits that are used up. */
  unpaid?: GatewayError;
}

/**
 * How to pay: in each way that the caller accepts, by what stands in the header too, or by card. Only ways that are open to it are named. Throws what refuses a call whose
 * seller has nothing left for its models, and credits that are used up where there is no other way: nobody is asked for what cannot be paid.
 */
export async function askForPayment(gateway: Gateway, sale: Sale, { organizationId, refused, unpaid }: Unpaid): Promise<PaidRefusal> {
  const { name } = sale;
  const amountMicros = organizationId === null ? null : await gateway.priceOf(organizationId, name);
  if (organizationId !== null && amountMicros === null) throw new GatewayError("unknown_plugin");
  const canWork = organizationId === null || (await canSell(gateway, sale, organizationId));
  // Of the seller's own money a guest is told nothing.
  if (!canWork && refused === undefined && unpaid === undefined)
    throw new GatewayError(sale.known === null ? "model_unavailable" : "budget_exhausted");
  const priced = { seller: canWork ? organizationId : null, amountMicros };
  const { names, body, isOffered } = await waysToPay(gateway, sale, priced);
  if (unpaid !== undefined && names.length === 0 && !isOffered) throw unpaid;
  const choice = names.length === 0 ? "" : ` Choose payment method: ${names.join(" or ")}.`;
  const text = `${unpaid?.message ?? `Payment required for ${name}.`}${choice}`;
  const code = CODES[refused?.problem.status ?? 402] ?? "payment_required";
  const reason = new GatewayError(code, { text: refused?.problem.detail ?? text, refusedBy: unpaid?.refusedBy });
  if (refused?.dialect === "mpp")
    return new PaidRefusal(reason, { ...body, ...refused.problem, challengeId: refused.challengeId }, { isProblem: true });
  // Clients of the older dialect, which have shown something of theirs, know no problems.
  const isProblem = isOffered && refused === undefined;
  return new PaidRefusal(reason, { ...body, ...(isProblem && unpaidProblem(reason)) }, { isProblem });
}

/** Of sessions: whatever is wrong with one, the same call may be paid otherwise. */
const SESSIONS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "session_required",
  "session_invalid",
  "insufficient_balance",
  "voucher_failed",
]);

/**
 * What a session is refused with, beside fresh offers where there are any: a 402 is a challenge, so that who can pay otherwise does. Anything else stays what it is, and
 * so does the refusal of a call that nobody would be paid for (`check` throws where it cannot be done), of one that its session has paid for or can pay for soon, and of a
 * session whose seller is another: an offer would be for another thing, at another price.
 */
export async function offerBeside(
  gateway: Gateway,
  sale: Sale,
  { thrown, organizationId, check }: { thrown: unknown; organizationId: string | null; check(): Promise<void> },
): Promise<unknown> {
  const refusal = thrown instanceof PaidRefusal ? thrown : thrown instanceof GatewayError ? new PaidRefusal(thrown, {}) : null;
  if (refusal === null || refusal.isProblem || refusal.isFinal || !SESSIONS.has(refusal.reason.code)) return thrown;
  if (organizationId === null || (refusal.seller ?? organizationId) !== organizationId) return thrown;
  const amountMicros = await check().then(
    () => gateway.priceOf(organizationId, sale.name),
    () => null,
  );
  if (amountMicros === null || !(await canSell(gateway, sale, organizationId))) return thrown;
  const { body, isOffered } = await waysToPay(gateway, sale, { seller: organizationId, amountMicros });
  const { reason, more } = refusal;
  return new PaidRefusal(reason, { ...more, ...body, ...(isOffered && unpaidProblem(reason)) }, { isProblem: isOffered });
}
