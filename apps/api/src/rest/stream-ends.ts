import type { CardResult, Cursor, LogEvent, RunState, SubmitResult } from "@parley/contracts";
import { compareCursors, isTurnEnd } from "@parley/contracts";
import { trackMessage } from "@parley/router";

/** Says after which event a stream has told all that it was opened for. Asked once per event, in order. */
export type EndsAfter = (event: LogEvent) => boolean;

/** Attached for as long as the client likes. */
export const never: EndsAfter = () => false;

/** A turn of the conversation itself ended with nothing to run next, or waits for an answer. */
function comesToRest(event: LogEvent, conversationId: string): boolean {
  if (event.executionId !== conversationId) return false;
  if (event.type === "turn.paused") return true;
  return isTurnEnd(event.type) && "more" in event.data && !event.data.more;
}

const LEAVING: ReadonlySet<string> = new Set(["cancel", "clear", "expire"]);
const emptiesQueue = (event: LogEvent): boolean =>
  event.type === "queue.updated" && LEAVING.has(event.data.action) && event.data.queueDepth === 0;

/**
 * A submitted message's stream: through its turn and the queue behind it, until the conversation rests. What rests
 * before the message's turn came does not end it (a turn ahead may be stopped or wait for an answer); the message's
 * leaving the queue does.
 */
export function afterMessage(submitted: SubmitResult): EndsAfter {
  const track = trackMessage(submitted);
  return (event) => {
    const standing = track(event);
    if (standing === "waits") return false;
    return standing === "left" || comesToRest(event, submitted.conversationId);
  };
}

/** A decision's stream: until the turn that goes on, and the queue behind it, come to rest; where other cards still wait, only itself. */
export function afterDecision({ conversationId, cardId, resumed }: CardResult): EndsAfter {
  if (resumed) return (event) => comesToRest(event, conversationId);
  return (event) => event.type === "card.closed" && event.data.cardId === cardId;
}

/** A drain's stream: until the conversation rests, or its queue was emptied before a turn could run. */
export function afterDrain(conversationId: string, options: { running: boolean }): EndsAfter {
  let { running } = options;
  return (event) => {
    if (event.executionId === conversationId && event.type === "turn.created") running = true;
    if (!running && emptiesQueue(event)) return true;
    return comesToRest(event, conversationId);
  };
}

/**
 * A stream that was cut and comes back: until the conversation rests, or, where it rests already, until all that
 * was missed is told. Null when nothing was missed.
 */
export function afterReturn(state: RunState, after: Cursor): EndsAfter | null {
  const { conversationId } = state;
  if (state.state === "ready" || state.state === "running") return (event) => comesToRest(event, conversationId);
  const head = state.cursor as Cursor;
  if (compareCursors(after, head) >= 0) return null;
  return (event) => comesToRest(event, conversationId) || compareCursors(event.cursor, head) >= 0;
}
