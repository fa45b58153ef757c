import type { EngineMetrics } from "../engine-metrics.ts";
import type { Log } from "../logger.ts";
import type { SweepStore } from "./sweep-store.ts";

/** Entries of the ledger that one tick looks at. More are looked at by the next ones. */
const ENTRIES_MAX = 2_000;
/** What was begun before that is committed, or never will be: several times as long as any statement may take. */
const SETTLED_MS = 120_000;

interface WatchPorts {
  store: Pick<SweepStore, "lookAtBooks">;
  metrics: Pick<EngineMetrics, "booksSeen">;
  log: Log;
}

/** Looks at the books of organizations that have changed, and tells once of each whose are not in order. */
export async function watchMoney({ store, metrics, log }: WatchPorts): Promise<void> {
  const { faults, found, unpostedAgeMs } = await store.lookAtBooks({ entriesMax: ENTRIES_MAX, settledMs: SETTLED_MS });
  metrics.booksSeen({ faults, unpostedAgeMs: unpostedAgeMs ?? 0 });
  for (const { organizationId, problems } of found) log.error({ organizationId, problems }, "the books are not in order");
}
