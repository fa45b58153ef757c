import type { ChainPayments } from "./chain-payments.ts";
import type { PaymentStore } from "./payment-store.ts";
import type { TokenPayments } from "./token-payments.ts";

/** Whoever is at it has said something within that time. */
const QUIET_MS = 60_000;
const PAYMENTS_MAX = 50;

/** What the jobs about payments need of their store. */
export type ReconciledPayments = Pick<
  PaymentStore,
  "endPurchase" | "takeUnknown" | "verifyChallenge" | "takeOwed" | "refundChallenge" | "readChannel" | "writeChannel"
>;

interface ReconcilePorts {
  payments: Pick<PaymentStore, "takeUnknown" | "verifyChallenge">;
  sweep: { findUnknownPayments(options: { quietMs: number; rowsMax: number }): Promise<{ organizationId: string; id: string }[]> };
  /** Null: nobody pays on a chain. */
  chain: Pick<ChainPayments, "verify"> | null;
  /** Null: nobody pays single calls by card. */
  tokens?: Pick<TokenPayments, "verify"> | null;
}

/** Looks again for payments of unknown outcome: what is found is booked, and waits for its payer to come back for the work. */
export async function reconcilePayments({ payments, sweep, chain, tokens = null }: ReconcilePorts): Promise<void> {
  if (chain === null && tokens === null) return;
  for (const key of await sweep.findUnknownPayments({ quietMs: QUIET_MS, rowsMax: PAYMENTS_MAX })) {
    const taken = await payments.takeUnknown({ ...key, quietMs: QUIET_MS });
    if (taken === null) continue;
    const { method, shown, ...order } = taken;
    const verified = await (method === "stripe/charge" ? tokens : chain)?.verify(shown, order);
    // It stays where it is for as long as that way to pay is switched off.
    if (verified === undefined) continue;
    await payments.verifyChallenge({ ...key, then: "paid", ...(verified.outcome === "refused" ? { outcome: "refused" } : verified) });
  }
}
