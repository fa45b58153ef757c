import type { JobPayload, Limits } from "@parley/contracts";
import type { ChainPayments } from "./chain-payments.ts";
import { type ReconciledPayments, reconcilePayment } from "./reconcile-payment.ts";
import type { TokenPayments } from "./token-payments.ts";

interface SettlePorts {
  payments: ReconciledPayments;
  chain: Pick<ChainPayments, "verify"> | null;
  tokens: Pick<TokenPayments, "verify"> | null;
  limits: Pick<Limits, "purchaseKeptMs">;
}

/** Brings one payment to its end that its process has left: what was set aside goes back, what may have been paid is looked for. Safe to run twice. */
export async function settlePayment(ports: SettlePorts, { kind, ...key }: JobPayload<"payment.settle">): Promise<void> {
  if (kind === "challenge") await reconcilePayment(ports, key);
  // Nobody is known to have been given anything for it.
  else await ports.payments.releaseLeft({ ...key, quietMs: ports.limits.purchaseKeptMs });
}
