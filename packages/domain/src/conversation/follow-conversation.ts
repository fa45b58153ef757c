import { compareCursors, type Cursor, type Execution, GatewayError, isTurnEnd, START } from "@parley/contracts";
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
export async function followConversation(context: GatewayContext, caller: Caller, { conversationId, after = START, signal }: Follow): Promise<Following> {
  const { organizationId } = caller;
  const follower = await context.followers.open({ organizationId, conversationId }, after, signal);
  try {
    const page = await context.logs.read({ organizationId, conversationId, after, limit: 1 });
    if (page === null || !mayUseAgent(caller, page.execution.agentId)) throw new GatewayError("not_found");
    const beyond = compareCursors(after, page.head) > 0;
    // Only a running turn has given out cursors that are not in the durable log: deltas, all of its own epoch.
    if (beyond && !(page.running && after.startsWith(`${page.epoch}-`)) && !after.startsWith(`${page.head.split("-")[0]}-`)) {
      throw new GatewayError("invalid_cursor");
    }
    follower.push(null);
    return { execution: page.execution, cursor: after, events: followLog(context, follower) };
  } catch (error) {
    follower.close();
    throw error;
  }
}

interface Await {
  conversationId: string;
  turnId: string;
  waitMs: number;
  signal: AbortSignal;
}

/**
 * Waits for the end or the pause of a turn, at most `waitMs`, and answers the execution as it was in it. A turn that has
 * not begun by then answers as the root execution, `pending`.
 */
export async function awaitTurn(context: GatewayContext, caller: Caller, { conversationId, turnId, waitMs, signal }: Await): Promise<Execution> {
  const { organizationId } = caller;
  const bound = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
  const root = await context.executions.find(organizationId, conversationId);
  if (root === null || !mayUseAgent(caller, root.agentId)) throw new GatewayError("not_found");
  const state = await context.conversations.runState({ organizationId, conversationId });
  const { events } = await followConversation(context, caller, { conversationId, after: state?.cursor as Cursor | undefined, signal: bound });
  const known = await context.executions.findTurn(organizationId, conversationId, turnId);
  if (known === null || !isSettled(known)) {
    for await (const event of events) {
      if (event.turnId === turnId && (event.type === "turn.paused" || isTurnEnd(event.type))) break;
      if (event.type === "queue.updated" && (event.data.action === "cancel" || event.data.action === "clear")) break;
    }
  }
  return (await context.executions.findTurn(organizationId, conversationId, turnId)) ?? { ...root, turnId, status: "pending", result: null };
}

const isSettled = ({ status }: Execution): boolean => status !== "pending" && status !== "executing";
