import type { JobPayload, Limits } from "@parley/contracts";
import type { SettlementCounts } from "../engine-metrics.ts";
import type { JobQueue } from "../job-queue.ts";
import { QUIET_MS } from "../payment/hold-purchase.ts";
import type { SweepStore } from "./sweep-store.ts";

const PAYMENTS_MAX = 200;

interface SettlementPorts {
  store: Pick<SweepStore, "findSettlements" | "findCardLook">;
  queue: JobQueue;
  limits: Pick<Limits, "purchaseKeptMs">;
  /** Whether anybody pays by card here. */
  takesCards: boolean;
}

/** Has payments brought to an end that nobody is at, and says how many of each kind. What is not delivered, or is lost in the queue, is found again. */
export async function orderSettlements({ store, queue, limits, takesCards }: SettlementPorts): Promise<SettlementCounts> {
  const found = await store.findSettlements({ leftMs: limits.purchaseKeptMs, quietMs: QUIET_MS, rowsMax: PAYMENTS_MAX });
  const look = takesCards ? await store.findCardLook() : null;
  await Promise.allSettled([
    ...found.map((order) => queue.enqueue("payment.settle", order as JobPayload<"payment.settle">, { once: `${order.kind} ${order.id}` })),
    // The order of a look whose process has died is not in the way of the next one.
    ...(look === null ? [] : [queue.enqueue("card.recover", {}, { once: `card look ${look}` })]),
  ]);
  const counts: SettlementCounts = { purchase: 0, challenge: 0, refund: 0, channel: 0, session: 0 };
  for (const { kind } of found) counts[kind] += 1;
  return counts;
}
