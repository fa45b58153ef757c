import { type Cursor, compareCursors, GatewayError, parseCursor, START } from "@parley/contracts";
import type { Following } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { followLog } from "../log/follow-log.ts";

interface Follow {
  conversationId: string;
  after?: Cursor | undefined;
  signal: AbortSignal;
}

/** Attaches to a conversation and starts nothing. The caller's right to it is checked anew at every attach. */
export async function followConversation(
  context: GatewayContext,
  caller: Caller,
  { conversationId, after = START, signal }: Follow,
): Promise<Following> {
  const { organizationId } = caller;
  const follower = await context.followers.open({ organizationId, conversationId }, after, signal);
  try {
    const page = await context.logs.read({ organizationId, conversationId, after, limit: 1 });
    if (page === null || !mayUseAgent(caller, page.execution.agentId)) throw new GatewayError("not_found");
    // Only a turn under way has given out cursors that are not in the durable log: deltas, all of its newest epoch.
    const mayHaveDeltas = page.execution.status === "executing" && parseCursor(after).epoch === page.epoch;
    if (compareCursors(after, page.head) > 0 && !mayHaveDeltas) throw new GatewayError("invalid_cursor");
    follower.push(null);
    return { execution: page.execution, cursor: after, events: followLog(context, follower) };
  } catch (error) {
    follower.close();
    throw error;
  }
}
