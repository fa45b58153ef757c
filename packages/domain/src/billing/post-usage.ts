import type { Limits } from "@parley/contracts";
import type { BillingStore } from "./billing-store.ts";

/** Lines of one transaction: the balances of an organization are locked for no longer than these take. */
const ROWS_MAX = 1_000;

interface PostPorts {
  billing: Pick<BillingStore, "post">;
  limits: Pick<Limits, "holdKeptMs">;
}

/** Charges all that an organization has used and is due. Safe to run twice and at the same time. */
export async function postUsage({ billing, limits }: PostPorts, organizationId: string, signal: AbortSignal): Promise<void> {
  const bounds = { rowsMax: ROWS_MAX, callKeptMs: limits.holdKeptMs };
  while (!signal.aborted && (await billing.post(organizationId, bounds)).more);
}
