import { type Cursor, compareCursors, type LogEvent, type SubmitInput, type SubmitResult } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import { type TrackedEnvelope, tracked } from "@trpc/server";
import { followLog } from "./follow-log.ts";
import { turnEndDetector } from "./turn-end.ts";
import { endsWithQueued, waitsBehindCard } from "./waits-behind-card.ts";

/** A turn's stream: the first item says what became of the message, the log's events follow. */
export type StreamItem = { type: "submitted"; cursor: string; data: SubmitResult } | LogEvent;

interface Streaming {
  gateway: Gateway;
  caller: Caller;
  /** With an idempotency key, so that sending it again gives the first answer. */
  input: SubmitInput;
  /** What a reconnecting client saw last. */
  after: Cursor | null;
  leaving: AbortSignal;
}

type Items = AsyncGenerator<TrackedEnvelope<StreamItem>, void>;

const ROUTE = { route: "turn.stream" };

/** Submits a message and follows it until its own turn is over, or waits behind a card; or goes on with that after a cut. */
export const streamTurn = (streaming: Streaming): Items =>
  streaming.after === null ? begin(streaming) : goOn({ ...streaming, after: streaming.after });

async function* begin({ gateway, caller, input, leaving }: Streaming): Items {
  const following = await gateway.submitAndFollow(caller, input, { ...ROUTE, signal: leaving });
  const { submitted } = following;
  yield tracked(submitted.cursor, { type: "submitted", cursor: submitted.cursor, data: submitted });
  const waits = await waitsBehindCard(gateway, caller, following);
  yield* followLog({ following, endsWith: waits ? endsWithQueued(submitted) : turnEndDetector(submitted), leaving });
}

async function* goOn({ gateway, caller, input, after, leaving }: Streaming & { after: Cursor }): Items {
  const submitted = await gateway.submitMessage(caller, input, ROUTE);
  const { conversationId, messageId, turnId } = submitted;
  const { state, turnId: current, queue, cursor } = await gateway.getRunState(caller, conversationId);
  const moves = state === "ready" || state === "running";
  const isQueued = queue.some(({ id }) => id === messageId);
  const mayEndLater = (moves && current === turnId) || (state !== "paused" && isQueued);
  // A turn that is over ended at or before the head, and one behind a card may never come: there is nothing to wait for beyond it.
  const head = mayEndLater ? null : (cursor as Cursor);
  if (head !== null && compareCursors(after, head) >= 0) return;
  const following = await gateway.followConversation(caller, { conversationId, after, signal: leaving });
  const isLast = turnEndDetector(submitted);
  const endsWith = (event: LogEvent): boolean => isLast(event) || (head !== null && compareCursors(event.cursor, head) >= 0);
  yield* followLog({ following, endsWith, leaving });
}
