import type { ConversationId, JobPayload, OrganizationId } from "@parley/contracts";
import type { JobQueue } from "../job-queue.ts";
import type { LiveTail } from "../log/live-tail.ts";
import type { Log } from "../logger.ts";
import type { ConversationKey, PostedElsewhere } from "./turn-store.ts";

export interface KickPorts {
  queue: JobQueue;
  tail: LiveTail;
  log: Log;
}

export const jobPayload = ({ organizationId, conversationId }: ConversationKey): JobPayload<"turn.run"> => ({
  organizationId: organizationId as OrganizationId,
  conversationId: conversationId as ConversationId,
});

interface KickedAt {
  /** Null for an order given again: the first may be in the hands of a worker that is gone, and must not swallow this one. */
  epoch: number | null;
  isChild: boolean;
}

/**
 * Orders a ready conversation to be run. One order per epoch at a time; an epoch that passes on gets its own, so that
 * the order of a dead worker never swallows the next. A lost order is given again by the sweep.
 */
export async function kick({ queue, log }: KickPorts, key: ConversationKey, at: KickedAt): Promise<void> {
  const order = at.isChild ? "subtask.run" : "turn.run";
  try {
    await queue.enqueue(order, jobPayload(key), at.epoch === null ? {} : { once: `${key.conversationId}-${at.epoch}` });
  } catch (error) {
    log.warn({ err: error, conversationId: key.conversationId }, "kick not delivered; the sweep will give it again");
  }
}

/**
 * Tells everyone about a write that was made without a lease: followers, the holder, the workers. `again`: the order to
 * run may have been given before.
 */
export async function announce(ports: KickPorts, organizationId: string, posted: PostedElsewhere, again = false): Promise<void> {
  const { conversationId, events, nudge } = posted;
  if (events.length > 0) ports.tail.publish({ conversationId, events });
  if (nudge !== null) ports.tail.nudge(nudge, conversationId);
  const { isChild } = posted;
  if (posted.kick) await kick(ports, { organizationId, conversationId }, { isChild, epoch: again ? null : posted.epoch });
}
