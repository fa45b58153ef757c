import { GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";

/**
 * A peer says that a task of its has moved: whoever runs the call looks at it now. What the peer sends is not read; the task itself is asked for. Throws
 * `unauthenticated` for a token that is not this call's, or no longer.
 */
export async function notePeerPush(
  { peerCalls, tail, hashBody }: Pick<GatewayContext, "peerCalls" | "tail" | "hashBody">,
  { callId, token }: { callId: string; token: string },
): Promise<void> {
  const called = await peerCalls.pushed(callId, hashBody(token));
  if (called === null) throw new GatewayError("unauthenticated");
  if (called.owner !== null) tail.nudge(called.owner, called.conversationId);
}
