import { type Cursor, compareCursors, type DrainResult, isTurnEnd, type LogEvent } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { tracked } from "@trpc/server";
import { endedEarly } from "./open-stream.ts";

/** A drain's stream: the first item says what became of the order, the log's events follow. */
export type DrainItem = { type: "draining"; cursor: string; data: DrainResult } | LogEvent;

const item = (value: DrainItem) => tracked(value.cursor, value);

interface Draining {
  gateway: Gateway;
  caller: Caller;
  conversationId: string;
  /** What a reconnecting client saw last: the order was given then and is not given again. */
  after: Cursor | null;
  signal: AbortSignal;
}

/** Whether a reconnecting client has seen all there was to see. */
async function isOver({ gateway, caller, conversationId }: Draining, after: Cursor): Promise<boolean> {
  const { state, cursor } = await gateway.getRunState(caller, conversationId);
  return (state === "idle" || state === "paused") && compareCursors(cursor as Cursor, after) <= 0;
}

/** Runs what waits in the queue and follows it until nothing more will run by itself. */
export async function* streamDrain(draining: Draining) {
  const { gateway, caller, conversationId, signal } = draining;
  let after = draining.after;
  if (after === null) {
    const drained = await gateway.drainConversation(caller, conversationId);
    yield item({ type: "draining", cursor: drained.cursor, data: drained });
    if (drained.action === "empty" || drained.action === "paused") return;
    after = drained.cursor as Cursor;
  } else if (await isOver(draining, after)) return;
  const { events } = await gateway.followConversation(caller, { conversationId, after, signal });
  for await (const event of events) {
    yield item(event);
    if (event.type === "turn.paused") return;
    if (isTurnEnd(event.type) && "more" in event.data && !event.data.more) return;
  }
  throw endedEarly();
}
