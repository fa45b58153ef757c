import type { Cursor, LogEvent, SubmitInput, SubmitResult } from "@parley/contracts";
import type { Caller, Gateway, SubmitFacts } from "@parley/domain";
import { type TrackedEnvelope, tracked } from "@trpc/server";
import { catchUp, moves } from "./catch-up.ts";
import { followLog } from "./follow-log.ts";
import { messageEnd } from "./track-message.ts";
import { endsWithQueued, waitsBehindCard } from "./waits-behind-card.ts";

/** A turn's stream: the first item says what became of the message, the log's events follow. */
export type StreamItem = { type: "submitted"; cursor: string; data: SubmitResult } | LogEvent;

interface Streaming {
  gateway: Gateway;
  caller: Caller;
  /** With an idempotency key, so that sending it again gives the first answer. */
  input: SubmitInput;
  facts: SubmitFacts;
  /** What a reconnecting client saw last. */
  after: Cursor | null;
  leaving: AbortSignal;
}

type Items = AsyncGenerator<TrackedEnvelope<StreamItem>, void>;

/** Submits a message and follows it until its turn is over, or waits behind a card; or goes on with that after a cut. */
export const streamTurn = (streaming: Streaming): Items =>
  streaming.after === null ? begin(streaming) : goOn({ ...streaming, after: streaming.after });

async function* begin({ gateway, caller, input, facts, leaving }: Streaming): Items {
  const following = await gateway.submitAndFollow(caller, input, { ...facts, signal: leaving });
  const { submitted } = following;
  yield tracked(submitted.cursor, { type: "submitted", cursor: submitted.cursor, data: submitted });
  const waits = await waitsBehindCard(gateway, caller, following);
  yield* followLog({ following, endsWith: waits ? endsWithQueued(submitted) : messageEnd(submitted), leaving });
}

async function* goOn({ gateway, caller, input, facts, after, leaving }: Streaming & { after: Cursor }): Items {
  const submitted = await gateway.submitMessage(caller, input, facts);
  const { conversationId, messageId } = submitted;
  const message = await gateway.getMessage(caller, { conversationId, messageId });
  const waits = message.state === "queued";
  yield* catchUp({
    ...{ gateway, caller, conversationId, after, leaving },
    // One behind a card may never come.
    goesOn: (state) => (waits ? state.state !== "paused" : moves(state) && state.turnId === message.turnId),
    // Which turn it went into may have been told before the cut.
    isLast: messageEnd(waits ? submitted : { ...submitted, turnId: message.turnId }),
  });
}
