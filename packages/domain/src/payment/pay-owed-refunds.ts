import type { Limits } from "@parley/contracts";
import type { Log } from "../logger.ts";
import { QUIET_MS } from "./hold-purchase.ts";
import type { PaymentStore } from "./payment-store.ts";
import type { TokenPayments } from "./token-payments.ts";

const REFUNDS_MAX = 50;

interface RefundPorts {
  payments: Pick<PaymentStore, "takeOwed" | "refundChallenge">;
  sweep: {
    findOwedRefunds(options: { quietMs: number; leftMs: number; rowsMax: number }): Promise<{ organizationId: string; id: string }[]>;
  };
  tokens: Pick<TokenPayments, "refund"> | null;
  limits: Pick<Limits, "purchaseKeptMs">;
  log: Log;
}

/** Pays cards back what was charged for work that failed, or that nobody came back for. The same refund asked for twice is one. */
export async function payOwedRefunds({ payments, sweep, tokens, limits, log }: RefundPorts): Promise<void> {
  if (tokens === null) return;
  const times = { quietMs: QUIET_MS, leftMs: limits.purchaseKeptMs };
  for (const key of await sweep.findOwedRefunds({ ...times, rowsMax: REFUNDS_MAX })) {
    const reference = await payments.takeOwed({ ...key, ...times });
    if (reference === null) continue;
    try {
      await tokens.refund(reference);
      await payments.refundChallenge(key);
    } catch (error) {
      log.warn({ err: error, challengeId: key.id }, "a refund is put off");
    }
  }
}
