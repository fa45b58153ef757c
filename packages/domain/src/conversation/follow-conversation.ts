import { type Cursor, compareCursors, type Execution, GatewayError, type LogEvent, parseCursor, START } from "@parley/contracts";
import type { Following } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { checkKept } from "../log/check-kept.ts";
import { followLog } from "../log/follow-log.ts";
import type { Follower } from "../log/follower.ts";
import type { LogPage } from "../log/log-store.ts";

/** How far to look for the turn that a cursor lies in. */
const AHEAD_MAX = 20;

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
    const page = await context.logs.read({ organizationId, conversationId, after, limit: AHEAD_MAX });
    if (page === null || !mayUseAgent(caller, page.execution.agentId)) throw new GatewayError("not_found");
    // Without a cursor: all that is kept.
    const from = after === START ? page.trimmed : after;
    checkKept(from, page);
    follower.position = from;
    if (compareCursors(from, page.head) > 0) await checkDelta(context, follower, page);
    follower.push(null);
    const execution = await executionAsOf(context, page);
    return { execution, cursor: from, events: followLog(context, follower) };
  } catch (error) {
    follower.close();
    throw error;
  }
}

/**
 * Only a turn under way has given out cursors that are not in the durable log: deltas, all of its newest epoch and none
 * beyond the newest kept. Where Redis has lost them the cursor cannot be judged: the reader starts at the durable head, and
 * is shown no text before a snapshot has made it whole.
 */
async function checkDelta({ tail }: GatewayContext, follower: Follower, page: LogPage): Promise<void> {
  // The execution may be of a moment later than the head: only `running` was read together with it.
  const mayHaveDeltas = page.running && parseCursor(follower.position).epoch === page.epoch;
  if (!mayHaveDeltas) throw new GatewayError("invalid_cursor");
  const newest = (await tail.deltasAfter(follower.conversationId, page.head)).at(-1);
  if (newest === undefined) {
    follower.position = page.head;
    follower.broken = true;
  } else if (compareCursors(follower.position, newest.cursor) > 0) {
    throw new GatewayError("invalid_cursor");
  }
}

/**
 * The row of now describes the newest turn. A reader that comes back to an earlier one gets the row of that turn, else what is folded onto it would tell the end of the one with the input of the other.
 */
async function executionAsOf({ executions }: GatewayContext, { execution, events }: LogPage): Promise<Execution> {
  const next = events.find(isOfItsTurn);
  if (next === undefined || next.turnId === execution.turnId) return execution;
  return (await executions.findTurn(execution.organizationId, execution.conversationId, next.turnId)) ?? execution;
}

/** Facts of the queue and edits have no turn, and an async child may end long after the turn that it was born in. */
const isOfItsTurn = (event: LogEvent): event is LogEvent & { turnId: string } => event.turnId !== null && event.type !== "child.finished";
