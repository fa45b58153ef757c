import type { Limits } from "@parley/contracts";
import type { EngineMetrics } from "../engine-metrics.ts";
import type { Log } from "../logger.ts";
import type { BillingStore } from "./billing-store.ts";

/** Lines of one transaction: the balances of an organization are locked for no longer than these take. */
const ROWS_MAX = 1_000;

interface PostPorts {
  billing: Pick<BillingStore, "post">;
  limits: Pick<Limits, "holdKeptMs">;
  log: Log;
  metrics: Pick<EngineMetrics, "usageSetAside">;
}

/** Charges all that an organization has used and is due. Safe to run twice and at the same time. What cannot be recorded is in nobody's way, and told each time. */
export async function postUsage({ billing, limits, log, metrics }: PostPorts, organizationId: string, signal: AbortSignal): Promise<void> {
  const bounds = { rowsMax: ROWS_MAX, callKeptMs: limits.holdKeptMs };
  for (let more = true; more && !signal.aborted; ) {
    const posted = await billing.post(organizationId, bounds);
    const { setAside } = posted;
    if (setAside.length > 0) {
      log.error({ organizationId, setAside }, "usage cannot be recorded; it is set aside");
      metrics.usageSetAside({ count: setAside.length });
    }
    more = posted.more;
  }
}
