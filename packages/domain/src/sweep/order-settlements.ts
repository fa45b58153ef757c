import type { JobPayload, Limits } from "@parley/contracts";
import type { JobQueue } from "../job-queue.ts";
import { QUIET_MS } from "../payment/hold-purchase.ts";
import type { SweepStore } from "./sweep-store.ts";

const PAYMENTS_MAX = 200;

interface SettlementPorts {
  store: Pick<SweepStore, "findLeftPurchases" | "findUnknownPayments">;
  queue: JobQueue;
  limits: Pick<Limits, "purchaseKeptMs">;
}

/** Has payments brought to an end that nobody is at. What is not delivered, or is lost in the queue, is found again. */
export async function orderSettlements({ store, queue, limits }: SettlementPorts): Promise<void> {
  const left = await store.findLeftPurchases({ keptMs: limits.purchaseKeptMs, rowsMax: PAYMENTS_MAX });
  const unknown = await store.findUnknownPayments({ quietMs: QUIET_MS, rowsMax: PAYMENTS_MAX });
  const orders = [
    ...left.map((key) => ({ ...key, kind: "purchase" as const })),
    ...unknown.map((key) => ({ ...key, kind: "challenge" as const })),
  ];
  await Promise.allSettled(
    orders.map((order) => queue.enqueue("payment.settle", order as JobPayload<"payment.settle">, { once: `${order.kind} ${order.id}` })),
  );
}
