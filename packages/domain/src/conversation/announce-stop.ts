import { announce, type KickPorts } from "../turn/kick.ts";
import type { ConversationKey } from "../turn/turn-store.ts";
import type { Posted, Stopped } from "./conversation-store.ts";

/** Tells everyone about a stop: the holder, the followers, and the parent of a background child that ended by it. */
export async function announceStop(
  ports: KickPorts,
  { organizationId, conversationId }: ConversationKey,
  done: Posted & Stopped,
): Promise<void> {
  await announce(ports, organizationId, { ...done, conversationId });
  if (done.parent !== null) await announce(ports, organizationId, done.parent);
}
