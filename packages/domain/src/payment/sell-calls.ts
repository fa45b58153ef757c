import { budgetExhausted, type ErrorCode, GatewayError, isGatewayError, microsToDollars, newId } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { wholeOf } from "../identity/whole-of.ts";
import { checkVoucher } from "./check-voucher.ts";
import { callKeyOf, holdPurchase, QUIET_MS } from "./hold-purchase.ts";
import type { CreditsReservation, Reserved } from "./payment-store.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";
import { priceOfPlugin } from "./plugin-price.ts";
import type { CallOrder, PayingSession, Purchase, RefusedBySession, SessionPurchase } from "./purchase.ts";

type ShortSession = Extract<Reserved, { mayWait: boolean }>;
type SaleUseCases = Pick<PaymentUseCases, "priceOf" | "proveSession" | "buyWithCredits" | "buyInSession">;

const refused = (code: ErrorCode, facts: { text?: string; retryAfterSeconds?: number } = {}, isFinal = false): RefusedBySession => ({
  ...{ outcome: "refused", reason: new GatewayError(code, facts), isFinal },
});

/** There is too little in the session, or signed for. Nobody is asked to pay for what is there and is not free yet, nor for what a total has paid for, most likely this very call. */
function refusedFor({ outcome, remainingMicros, mayWait, isSpent }: ShortSession, amountMicros: number): RefusedBySession {
  const later = mayWait ? { retryAfterSeconds: 2 } : {};
  const isFinal = mayWait || isSpent;
  if (outcome === "unsigned") return refused("voucher_failed", { text: "The wallet has signed for less in all.", ...later }, isFinal);
  const text = `Need $${microsToDollars(amountMicros)}, have $${microsToDollars(remainingMicros)}`;
  return { ...refused("insufficient_balance", { text, ...later }, isFinal), remainingMicros };
}

async function buyInSession(
  context: GatewayContext,
  { organizationId, sessionId, wallet, proof }: PayingSession,
  order: CallOrder,
): Promise<SessionPurchase> {
  const { plugin, amountMicros, under } = order;
  const isOneCall = proof !== null && proof.nonce !== null;
  if (isOneCall && proof.signedMicros !== amountMicros) return refused("voucher_failed", { text: "The price has changed." });
  const id = newId<string>();
  const nonce = proof?.nonce ?? id;
  const reserved = await context.payments.reserveInSession({
    ...{ organizationId, id, sessionId, wallet, plugin, amountMicros, nonce },
    ...{ signature: proof?.signature ?? null, signedMicros: isOneCall ? null : (proof?.signedMicros ?? null) },
    ...{ callKey: callKeyOf(under), quietMs: QUIET_MS },
  });
  // It may have been closed after what was signed for in it has paid for this very call.
  if (reserved.outcome === "invalid") return refused("session_invalid", {}, reserved.isSpent);
  // A race that is lost, or a call whose end nobody knows yet, is not to be paid again.
  if (reserved.outcome === "used" && reserved.underWay) throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
  // It has paid for a call: most likely for this one, whose answer was lost.
  if (reserved.outcome === "used") return refused("voucher_failed", { text: "The voucher was used before." }, true);
  if (reserved.outcome !== "reserved") return refusedFor(reserved, amountMicros);
  const kept = holdPurchase(context, { organizationId, id, under });
  const purchase: Purchase = {
    id,
    receipt: `session:${sessionId}:${nonce}`,
    remainingMicros: reserved.remainingMicros,
    whenFailed: "letGo" as const,
    settle: async (outcome, answer) => {
      await kept.end(outcome, answer);
      return null;
    },
  };
  return { outcome: "bought", purchase };
}

/** Those who wait for money ask again after so long. */
const ASK_AGAIN_MS = 200;

/** Waits for money that others hold, as any call does, and no longer than its caller. Nobody is asked to pay for what is there and is not free yet. */
async function reserveCredits(
  { payments, clock, limits }: Pick<GatewayContext, "payments" | "clock" | "limits">,
  reservation: CreditsReservation,
  signal: AbortSignal,
): Promise<void> {
  const untilMs = clock.monotonicMs() + limits.holdBeginMs;
  for (;;) {
    const reserved = await payments.reserveCredits(reservation);
    if (reserved.outcome === "reserved") return;
    if (!reserved.mayWait) throw budgetExhausted(reserved.by);
    if (clock.monotonicMs() >= untilMs) {
      throw new GatewayError("payment_pending", {
        text: "Calls under way hold the money: ask again, and do not pay anew.",
        retryAfterSeconds: 2,
      });
    }
    await clock.sleep(ASK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

/** Calls that are sold: what they cost, who pays, and what is set aside for them. */
export function sellCalls(context: GatewayContext): SaleUseCases {
  const { payments } = context;
  return {
    priceOf: (organizationId, plugin) => priceOfPlugin(context, organizationId, plugin),

    async proveSession(caller, { sessionId, wallet, voucher }, plugin) {
      // It learns of no session, also not whether one is there; with what the wallet has signed, anybody may show it.
      if (voucher === null && caller !== null) wholeOf(caller);
      const organizationId = await payments.sessionOwner({ sessionId, wallet });
      // Two headers prove nothing: a session's own key does, or its wallet's signature.
      if (organizationId === null || (voucher === null && caller?.organizationId !== organizationId))
        throw new GatewayError("session_invalid");
      if (voucher === null) return { organizationId, sessionId, wallet, proof: null };
      const amountMicros = await priceOfPlugin(context, organizationId, plugin);
      if (amountMicros === null) throw new GatewayError("unknown_plugin");
      try {
        const proof = await checkVoucher(context, voucher, { sessionId, wallet, plugin, amountMicros });
        return { organizationId, sessionId, wallet, proof };
      } catch (error) {
        if (!isGatewayError(error, "voucher_failed")) throw error;
        return { organizationId, refused: error };
      }
    },

    async buyWithCredits({ organizationId, principalId }, { plugin, amountMicros, under }, signal) {
      const id = newId<string>();
      const callKey = callKeyOf(under);
      await reserveCredits(context, { organizationId, id, principalId, plugin, amountMicros, callKey }, signal);
      const kept = holdPurchase(context, { organizationId, id, under });
      return {
        id,
        receipt: null,
        remainingMicros: null,
        whenFailed: "letGo",
        settle: async (ended, answer) => {
          await kept.end(ended, answer);
          return null;
        },
      };
    },

    buyInSession: (session, order) => buyInSession(context, session, order),
  };
}
