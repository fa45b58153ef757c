import { isGatewayError, type Limits } from "@parley/contracts";
import type { EngineMetrics } from "../engine-metrics.ts";
import type { Log } from "../logger.ts";
import type { BillingStore } from "./billing-store.ts";

/** Lines of one transaction: the balances of its organizations are locked for no longer than these take. */
const ROWS_MAX = 1_000;

interface PostPorts {
  billing: Pick<BillingStore, "post">;
  limits: Pick<Limits, "holdKeptMs">;
  log: Log;
  metrics: Pick<EngineMetrics, "usageSetAside">;
}

/**
 * Charges all that organizations have used and is due. Safe to run twice and at the same time. They are charged together; where that fails, each by itself, so that
 * what is wrong with one is in no other's way, and the first failure is thrown at the end.
 */
export async function postUsage(ports: PostPorts, organizationIds: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    return await postTogether(ports, organizationIds, signal);
  } catch (error) {
    if (organizationIds.length === 1) throw error;
    ports.log.warn({ err: error, organizationIds }, "organizations cannot be charged together");
  }
  const failures: unknown[] = [];
  for (const organizationId of organizationIds) {
    await postTogether(ports, [organizationId], signal).catch((error: unknown) => {
      // A lock that could not be had, or Postgres is away: nothing is wrong with it, and the sweep orders it again.
      const isPassing = isGatewayError(error, "storage_unavailable");
      ports.log[isPassing ? "warn" : "error"]({ err: error, organizationId }, "an organization cannot be charged");
      failures.push(error);
    });
  }
  if (failures.length > 0) throw failures[0];
}

/** What cannot be recorded is in nobody's way, and told each time. */
async function postTogether(
  { billing, limits, log, metrics }: PostPorts,
  organizationIds: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const bounds = { rowsMax: ROWS_MAX, callKeptMs: limits.holdKeptMs };
  for (let left = organizationIds; left.length > 0 && !signal.aborted; ) {
    const { setAside, more } = await billing.post(left, bounds);
    if (setAside.length > 0) {
      log.error({ setAside }, "usage cannot be recorded; it is set aside");
      metrics.usageSetAside({ count: setAside.length });
    }
    left = more ?? [];
  }
}
