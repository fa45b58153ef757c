import type { Limits } from "@parley/contracts";
import type { Log } from "../logger.ts";
import type { PaymentStore } from "./payment-store.ts";
import type { TokenPayments } from "./token-payments.ts";

interface RefundPorts {
  payments: Pick<PaymentStore, "takeOwed" | "refundChallenge">;
  /** Null: nobody pays single calls by card. */
  tokens: Pick<TokenPayments, "refund"> | null;
  limits: Pick<Limits, "purchaseKeptMs">;
  log: Log;
}

/**
 * Pays a card back what was charged for work that failed, or that nobody came back for. The same refund asked for twice is one. One that was not taken is asked for later and
 * later.
 */
export async function payOwedRefund(ports: RefundPorts, key: { organizationId: string; id: string }): Promise<void> {
  const { payments, tokens, limits, log } = ports;
  const reference = await payments.takeOwed({ ...key, leftMs: limits.purchaseKeptMs });
  if (reference === null || tokens === null) return;
  try {
    await tokens.refund(reference);
  } catch (error) {
    log.warn({ err: error, challengeId: key.id }, "a refund is put off");
    return;
  }
  await payments.refundChallenge(key);
}
