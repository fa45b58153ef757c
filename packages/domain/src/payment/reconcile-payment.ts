import type { Log } from "../logger.ts";
import type { ChainPayments } from "./chain-payments.ts";
import { QUIET_MS } from "./hold-purchase.ts";
import type { PaymentStore } from "./payment-store.ts";
import type { TokenPayments } from "./token-payments.ts";
import { verdictOf } from "./verdict-of.ts";

interface ReconcilePorts {
  payments: Pick<PaymentStore, "takeUnknown" | "verifyChallenge">;
  /** Null: nobody pays on a chain. */
  chain: Pick<ChainPayments, "verify"> | null;
  /** Null: nobody pays single calls by card. */
  tokens: Pick<TokenPayments, "verify"> | null;
  log: Log;
}

/**
 * Looks again for one payment of unknown outcome: what is found is booked, and waits for its payer to come back for the work. Safe to run twice: one takes it up, and
 * what an earlier look finds changes nothing any more.
 */
export async function reconcilePayment(
  { payments, chain, tokens, log }: ReconcilePorts,
  key: { organizationId: string; id: string },
): Promise<void> {
  const taken = await payments.takeUnknown({ ...key, quietMs: QUIET_MS });
  if (taken === null) return;
  const { epoch, method, shown, ...order } = taken;
  const verified = await (method === "stripe/charge" ? tokens : chain)?.verify(shown, order);
  // While that way to pay is switched off nobody knows.
  if (verified === undefined)
    log.warn({ challengeId: key.id, method }, "a payment of unknown outcome cannot be looked for: this process has no such way to pay");
  await payments.verifyChallenge({
    ...key,
    epoch,
    then: "paid",
    ...(verified === undefined ? { outcome: "unknown" } : verdictOf(verified)),
  });
}
