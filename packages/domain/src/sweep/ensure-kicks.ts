import type { OrderLines } from "../job-queue.ts";
import { jobPayload, onceOf, orderNameOf } from "../turn/kick.ts";
import type { ReadyConversation, SweepStore } from "./sweep-store.ts";

/** So many of one organization come back into its line with each look, after Redis has lost it. */
const EACH_MAX = 1_000;
const TOTAL_MAX = 10_000;
/** One command holds Redis up for a few milliseconds at most. */
const BATCH = 500;

interface EnsurePorts {
  store: Pick<SweepStore, "findReady" | "countKicks">;
  lines: Pick<OrderLines, "ensure">;
}

/**
 * Makes sure that what has been ready for a while either has its kick or waits in its organization's line. What merely waits
 * there is left alone, so that a backlog of thousands costs one look a second and nothing else.
 */
export async function ensureKicks({ store, lines }: EnsurePorts): Promise<void> {
  const ready = await store.findReady({ eachMax: EACH_MAX, totalMax: TOTAL_MAX });
  for (const isChild of [false, true]) {
    const those = ready.filter((one) => one.isChild === isChild);
    for (let from = 0; from < those.length; from += BATCH) {
      const batch = those.slice(from, from + BATCH);
      const missing = await lines.ensure(orderNameOf(isChild), batch.map(toDueOrder));
      if (missing.length > 0) await store.countKicks(missing.flatMap((index) => batch[index] ?? []));
    }
  }
}

const toDueOrder = ({ organizationId, conversationId, epoch, readyAtMs, graceMs }: ReadyConversation) => ({
  payload: jobPayload({ organizationId, conversationId }),
  once: onceOf(conversationId, epoch),
  sinceMs: readyAtMs,
  graceMs,
});
