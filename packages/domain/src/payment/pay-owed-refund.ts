import type { Limits } from "@parley/contracts";
import type { Log } from "../logger.ts";
import type { PaymentStore } from "./payment-store.ts";
import type { OwedRefund, TokenPayments } from "./token-payments.ts";

interface RefundPorts {
  payments: Pick<PaymentStore, "takeOwed" | "refundChallenge" | "noteRefusedRefund">;
  /** Null: nobody pays single calls by card. */
  tokens: Pick<TokenPayments, "refund"> | null;
  limits: Pick<Limits, "purchaseKeptMs">;
  log: Log;
}

interface ChallengeKey {
  organizationId: string;
  id: string;
}

/**
 * Pays a card back what was charged for work that failed, or that nobody came back for. The same refund asked for twice is one. One that was not taken is asked for later and
 * later.
 */
export async function payOwedRefund(ports: RefundPorts, key: ChallengeKey): Promise<void> {
  const owed = await ports.payments.takeOwed({ ...key, leftMs: ports.limits.purchaseKeptMs });
  if (owed !== null) await payBack(ports, key, owed);
}

/**
 * Asks for the refund once. A refusal is noted before anything is asked for again, so that one of them ends a name and the next request has another: while the outcome
 * of one is not known there is no other, and so there cannot be two refunds.
 */
export async function payBack({ payments, tokens, log }: Omit<RefundPorts, "limits">, key: ChallengeKey, owed: OwedRefund): Promise<void> {
  if (tokens === null) return;
  let outcome: "refunded" | "refused";
  try {
    outcome = await tokens.refund(owed);
  } catch (error) {
    log.warn({ err: error, challengeId: key.id }, "a refund is put off");
    return;
  }
  if (outcome === "refunded") await payments.refundChallenge(key);
  else {
    log.warn({ challengeId: key.id, refusals: owed.refusals + 1 }, "a refund was refused, and is asked for later");
    await payments.noteRefusedRefund({ ...key, refusals: owed.refusals });
  }
}
