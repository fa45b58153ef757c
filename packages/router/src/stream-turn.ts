import type { Cursor, LogEvent, SubmitInput, SubmitResult } from "@parley/contracts";
import type { Caller, Following, Gateway } from "@parley/domain";
import { type TrackedEnvelope, tracked } from "@trpc/server";
import { followLog } from "./follow-log.ts";
import { turnEndDetector } from "./turn-end.ts";

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

const ROUTE = { route: "turn.stream" };

async function resume({ gateway, caller, input, leaving }: Streaming, after: Cursor): Promise<Following & { submitted: SubmitResult }> {
  const submitted = await gateway.submitMessage(caller, input, ROUTE);
  const following = await gateway.followConversation(caller, { conversationId: submitted.conversationId, after, signal: leaving });
  return { ...following, submitted };
}

/** Submits a message and follows it until its own turn is over; or goes on with that after a cut. */
export async function* streamTurn(streaming: Streaming): AsyncGenerator<TrackedEnvelope<StreamItem>, void> {
  const { gateway, caller, input, after, leaving } = streaming;
  const following = after ? await resume(streaming, after) : await gateway.submitAndFollow(caller, input, { ...ROUTE, signal: leaving });
  const { submitted } = following;
  const turn = turnEndDetector(submitted, following.execution);
  if (after === null) yield tracked(submitted.cursor, { type: "submitted", cursor: submitted.cursor, data: submitted });
  else if (turn.wasOver) return;
  yield* followLog({ following, endsWith: turn.endsWith, leaving });
}
