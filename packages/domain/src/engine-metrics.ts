import type { JobPayload } from "@parley/contracts";

/** What is left to do of payments and is due, by kind. */
export type SettlementCounts = Record<JobPayload<"payment.settle">["kind"], number>;

/** What the engine has to tell whoever measures. */
export interface EngineMetrics {
  turnEnded(fields: { end: "completed" | "failed" | "error" | "stopped"; reason: string | null }): void;
  /** From the turn's creation to the first token of its answer. */
  firstToken(fields: { durationMs: number }): void;
  /** A turn whose worker was gone was taken over. */
  leaseTakenOver(): void;
  /** A summary was written and installed, dropped as an edit or another worker had come first, or failed and will be tried again. */
  summaryEnded(fields: { end: "installed" | "dropped" | "failed"; durationMs: number }): void;
  /** Usage was looked at that cannot be recorded, and is set aside. */
  usageSetAside(fields: { count: number }): void;
  /** What the sweep has found due just now; null where another process sweeps. */
  settlementsDue(counts: SettlementCounts | null): void;
  /** Organizations whose books are not in order, and how old the oldest usage is that is not charged; null where another process sweeps. */
  booksSeen(fields: { faults: number; unpostedAgeMs: number } | null): void;
}
