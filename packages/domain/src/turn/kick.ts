import type { ConversationId, JobPayload, OrganizationId, SharedJobName } from "@parley/contracts";
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
  epoch: number;
  isChild: boolean;
  /** The turn has begun before: it does not wait in line again. */
  urgent?: boolean;
}

/** One order per epoch at a time; an epoch that passes on gets its own. */
export const onceOf = (conversationId: string, epoch: number): string => `${conversationId}-${epoch}`;

export const orderNameOf = (isChild: boolean): SharedJobName => (isChild ? "subtask.run" : "turn.run");

/** Orders a ready conversation to be run, as soon as its organization's share allows. A lost order is given again by the sweep. */
export async function kick({ queue, log }: KickPorts, key: ConversationKey, { epoch, isChild, urgent = false }: KickedAt): Promise<void> {
  const { conversationId } = key;
  try {
    await queue.enqueue(orderNameOf(isChild), jobPayload(key), { once: onceOf(conversationId, epoch), urgent });
  } catch (error) {
    log.warn({ err: error, conversationId }, "kick not delivered; the sweep will give it again");
  }
}

/** Tells everyone about a write that was made without a lease: followers, the holder, the workers. `urgent` as for `kick`. */
export async function announce(ports: KickPorts, organizationId: string, posted: PostedElsewhere, urgent = false): Promise<void> {
  const { conversationId, events, nudge, epoch, isChild } = posted;
  if (events.length > 0) ports.tail.publish({ conversationId, events });
  if (nudge !== null) ports.tail.nudge(nudge, conversationId);
  if (posted.kick) await kick(ports, { organizationId, conversationId }, { epoch, isChild, urgent });
}
