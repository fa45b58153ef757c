import type { OrderLines } from "../job-queue.ts";
import { jobPayload, onceOf, orderNameOf } from "../turn/kick.ts";
import type { ReadyConversation, SweepStore } from "./sweep-store.ts";

/** So many of one organization come back into its line with each look, after Redis has lost it. */
const EACH_MAX = 1_000;
const TOTAL_MAX = 10_000;
/** One command holds Redis up for a few milliseconds at most. */
const BATCH = 500;

interface EnsurePorts {
  store: Pick<SweepStore, "findReady" | "stillReady" | "countKicks">;
  lines: Pick<OrderLines, "findMissing" | "restore">;
}

/**
 * Makes sure that what has been ready for a while either has its kick or waits in its organization's line. What merely waits
 * there is left alone, so that a backlog of thousands costs one look a second and nothing else.
 */
export async function ensureKicks({ store, lines }: EnsurePorts): Promise<void> {
  const ready = await store.findReady({ eachMax: EACH_MAX, totalMax: TOTAL_MAX });
  for (const isChild of [false, true]) {
    const those = ready.filter((one) => one.isChild === isChild);
    for (let from = 0; from < those.length; from += BATCH) await ensure({ store, lines }, those.slice(from, from + BATCH), isChild);
  }
}

async function ensure({ store, lines }: EnsurePorts, batch: ReadyConversation[], isChild: boolean): Promise<void> {
  const name = orderNameOf(isChild);
  const indexes = await lines.findMissing(name, batch.map(toDueOrder));
  if (indexes.length === 0) return;
  // Most of these were taken up since they were read, and have no order for that reason.
  const missing = await store.stillReady(indexes.flatMap((index) => batch[index] ?? []));
  if (missing.length === 0) return;
  await lines.restore(name, missing.map(toDueOrder));
  await store.countKicks(missing);
}

const toDueOrder = ({ organizationId, conversationId, epoch, readyAtMs, graceMs }: ReadyConversation) => ({
  payload: jobPayload({ organizationId, conversationId }),
  once: onceOf(conversationId, epoch),
  sinceMs: readyAtMs,
  graceMs,
});
