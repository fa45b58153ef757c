import type { Cursor, LogEvent, SubmitInput, SubmitResult } from "@parley/contracts";
import type { Caller, Following, Gateway } from "@parley/domain";
import { tracked } from "@trpc/server";
import { endedEarly } from "./open-stream.ts";
import { turnEndDetector } from "./turn-end.ts";

/** A turn's stream: the first item says what became of the message, the log's events follow. */
export type StreamItem = { type: "submitted"; cursor: string; data: SubmitResult } | LogEvent;

const item = (value: StreamItem) => tracked(value.cursor, value);

interface Streaming {
  gateway: Gateway;
  caller: Caller;
  /** With an idempotency key, so that sending it again gives the first answer. */
  input: SubmitInput;
  /** What a reconnecting client saw last. */
  after: Cursor | null;
  signal: AbortSignal;
}

const ROUTE = { route: "turn.stream" };

async function resume({ gateway, caller, input, signal }: Streaming, after: Cursor): Promise<Following & { submitted: SubmitResult }> {
  const submitted = await gateway.submitMessage(caller, input, ROUTE);
  const following = await gateway.followConversation(caller, { conversationId: submitted.conversationId, after, signal });
  return { ...following, submitted };
}

/** Submits a message and follows it until its own turn is over; or goes on with that after a cut. */
export async function* streamTurn(streaming: Streaming) {
  const { gateway, caller, input, after, signal } = streaming;
  const { submitted, execution, events } = after
    ? await resume(streaming, after)
    : await gateway.submitAndFollow(caller, input, { ...ROUTE, signal });
  const turn = turnEndDetector(submitted, execution);
  if (after === null) yield item({ type: "submitted", cursor: submitted.cursor, data: submitted });
  else if (turn.wasOver) return;
  for await (const event of events) {
    yield item(event);
    if (turn.endsWith(event)) return;
  }
  throw endedEarly();
}
