import type { Cursor, DrainResult, LogEvent } from "@parley/contracts";
import type { Caller, Gateway, Once } from "@parley/domain";
import { type TrackedEnvelope, tracked } from "@trpc/server";
import { catchUp, moves } from "./catch-up.ts";
import { followLog } from "./follow-log.ts";

/** A drain's stream: the first item says what became of the order, the log's events follow. */
export type DrainItem = { type: "draining"; cursor: string; data: DrainResult } | LogEvent;

interface Draining {
  gateway: Gateway;
  caller: Caller;
  conversationId: string;
  once: Once | undefined;
  /** What a reconnecting client saw last: the order was given then and is not given again. */
  after: Cursor | null;
  leaving: AbortSignal;
}

const isLastTurnEnd = (event: LogEvent): boolean => {
  switch (event.type) {
    case "turn.completed":
    case "turn.failed":
    case "turn.stopped":
      return !event.data.more;
    default:
      return event.type === "turn.paused";
  }
};

/** Runs what waits in the queue and follows it until nothing more will run by itself. */
export async function* streamDrain(draining: Draining): AsyncGenerator<TrackedEnvelope<DrainItem>, void> {
  const { gateway, caller, conversationId, once, after, leaving } = draining;
  if (after !== null) {
    return yield* catchUp({
      ...{ gateway, caller, conversationId, after, leaving },
      // An order may have been given and not taken yet.
      goesOn: (state) => moves(state) || (state.state === "idle" && state.queueDepth > 0 && !state.held),
      isLast: isLastTurnEnd,
    });
  }
  const drained = await gateway.drainConversation(caller, conversationId, once);
  yield tracked(drained.cursor, { type: "draining", cursor: drained.cursor, data: drained });
  if (drained.action === "empty" || drained.action === "paused") return;
  const following = await gateway.followConversation(caller, { conversationId, after: drained.cursor as Cursor, signal: leaving });
  yield* followLog({ following, endsWith: isLastTurnEnd, leaving });
}
