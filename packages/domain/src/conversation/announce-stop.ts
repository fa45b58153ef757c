import { announce, type KickPorts } from "../turn/kick.ts";
import type { ConversationKey } from "../turn/turn-store.ts";
import type { DoomedChild, Posted, Stopped } from "./conversation-store.ts";

/** Tells everyone about a stop: the holder, the followers, the workers of background children, and the parent of one that ended by it. */
export async function announceStop(
  ports: KickPorts,
  { organizationId, conversationId }: ConversationKey,
  done: Posted & Pick<Stopped, "doomed" | "parent">,
): Promise<void> {
  nudgeDoomed(ports, done.doomed);
  await announce(ports, organizationId, { ...done, conversationId });
  if (done.parent !== null) await announce(ports, organizationId, done.parent);
}

/** Their workers look at once instead of with their next heartbeat. */
export function nudgeDoomed({ tail }: KickPorts, doomed: DoomedChild[]): void {
  for (const { executionId, owner } of doomed) if (owner !== null) tail.nudge(owner, executionId);
}
