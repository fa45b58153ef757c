import { type Cursor, compareCursors, type DrainResult, type LogEvent } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { type TrackedEnvelope, tracked } from "@trpc/server";
import { followLog } from "./follow-log.ts";

/** A drain's stream: the first item says what became of the order, the log's events follow. */
export type DrainItem = { type: "draining"; cursor: string; data: DrainResult } | LogEvent;

interface Draining {
  gateway: Gateway;
  caller: Caller;
  conversationId: string;
  /** What a reconnecting client saw last: the order was given then and is not given again. */
  after: Cursor | null;
  leaving: AbortSignal;
}

/** Whether a reconnecting client has seen all there was to see. */
async function wasOver({ gateway, caller, conversationId }: Draining, after: Cursor): Promise<boolean> {
  const { state, cursor } = await gateway.getRunState(caller, conversationId);
  return (state === "idle" || state === "paused") && compareCursors(cursor as Cursor, after) <= 0;
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
  const { gateway, caller, conversationId, leaving } = draining;
  let after = draining.after;
  if (after === null) {
    const drained = await gateway.drainConversation(caller, conversationId);
    yield tracked(drained.cursor, { type: "draining", cursor: drained.cursor, data: drained });
    if (drained.action === "empty" || drained.action === "paused") return;
    after = drained.cursor as Cursor;
  } else if (await wasOver(draining, after)) return;
  const following = await gateway.followConversation(caller, { conversationId, after, signal: leaving });
  yield* followLog({ following, endsWith: isLastTurnEnd, leaving });
}
