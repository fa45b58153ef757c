import type { Limits } from "@parley/contracts";
import type { JobQueue } from "../job-queue.ts";
import type { Log } from "../logger.ts";
import { jobPayload } from "../turn/kick.ts";
import type { ClaimedTurn } from "../turn/turn-store.ts";
import type { CompactionStore } from "./compaction-store.ts";
import { isTailTooLong } from "./tail-bounds.ts";

interface Ports {
  compactions: Pick<CompactionStore, "mark">;
  queue: JobQueue;
  log: Log;
  limits: Limits;
}

/**
 * After a turn: a tail that is too long is marked in a row, and the order is only a nudge. Costs nothing while the tail is short, as the
 * claim has it already; what is lost on the way is asked for again by the next turn, and before that nobody needs it.
 */
export async function askForCompaction({ compactions, queue, log, limits }: Ports, claim: ClaimedTurn): Promise<void> {
  if (!isTailTooLong(claim.history, limits)) return;
  const { organizationId, conversationId } = claim;
  try {
    await compactions.mark({ organizationId, conversationId });
    await queue.enqueue("conversation.compact", jobPayload(claim));
  } catch (error) {
    log.warn({ err: error, conversationId }, "compaction not ordered");
  }
}
