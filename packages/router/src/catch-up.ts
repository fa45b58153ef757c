import { type Cursor, compareCursors, type LogEvent, type RunState } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { followLog } from "./follow-log.ts";

interface Return {
  gateway: Gateway;
  caller: Caller;
  conversationId: string;
  /** What the client saw last. */
  after: Cursor;
  /** Whether more of what it follows is to come, from a conversation in this state. */
  goesOn(state: RunState): boolean;
  isLast(event: LogEvent): boolean;
  leaving: AbortSignal;
}

export const moves = ({ state }: Pick<RunState, "state">): boolean => state === "ready" || state === "running";

/**
 * What a returning client has missed, and the rest. Where nothing more is to come, what it follows ended at or before the log's head:
 * there is nothing to wait for beyond that.
 */
export async function* catchUp({ gateway, caller, conversationId, after, goesOn, isLast, leaving }: Return) {
  const state = await gateway.getRunState(caller, conversationId);
  const head = goesOn(state) ? null : (state.cursor as Cursor);
  const isBehind = (cursor: Cursor): boolean => head === null || compareCursors(cursor, head) < 0;
  if (!isBehind(after)) return;
  const following = await gateway.followConversation(caller, { conversationId, after, signal: leaving });
  yield* followLog({ following, endsWith: (event) => isLast(event) || !isBehind(event.cursor), leaving });
}
