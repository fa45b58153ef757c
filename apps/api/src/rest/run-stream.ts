import type { Cursor } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { onGone } from "../on-gone.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { Call, Door } from "./call.ts";
import { followStream } from "./follow-stream.ts";
import { SseStream } from "./sse-stream.ts";
import { afterReturn, type EndsAfter } from "./stream-ends.ts";

/** A stream that counts among its caller's until the response is over. Throws `too_many_streams`. */
export function streamOf(door: Door, { response, credential, caller }: Call, conversationId: string | undefined): SseStream {
  onGone(response, door.openStream(caller));
  return new SseStream({ response, credential, organizationId: caller.organizationId, conversationId });
}

/** What a stream asks for where its facts do not tell it. */
export const lookups = ({ gateway }: Door, caller: Caller, conversationId: string) => ({
  findChild: (childId: string) => gateway.getExecution(caller, childId),
  findDepth: async () => (await gateway.getRunState(caller, conversationId)).queueDepth,
});

/** Sends `connected`, then runs `tell`; what goes wrong from here on is the stream's typed last event. */
export async function runStream(door: Door, stream: SseStream, tell: () => Promise<void>): Promise<void> {
  stream.connect(door.attachments);
  try {
    await tell();
    stream.end();
  } catch (error) {
    if (!stream.isOver) stream.refuse(toGatewayError(error, door.log));
  }
}

interface Return {
  caller: Caller;
  conversationId: string;
  after: Cursor;
}

/** A streaming POST whose client was cut: what it missed, and the rest of what it started. */
export async function comeBack(door: Door, call: Call, { caller, conversationId, after }: Return): Promise<void> {
  const state = await door.gateway.getRunState(caller, conversationId);
  await attach(door, call, { caller, conversationId, after, endsAfter: afterReturn(state, after) });
}

interface Attach extends Omit<Return, "after"> {
  after: Cursor | undefined;
  /** Null: there is nothing to tell. */
  endsAfter: EndsAfter | null;
}

/** Nothing is started here, so the head waits until the cursor is known to be good: a wrong one is a plain 400. */
export async function attach(door: Door, call: Call, { caller, conversationId, after, endsAfter }: Attach): Promise<void> {
  const stream = streamOf(door, call, conversationId);
  const following = await door.gateway.followConversation(caller, { conversationId, after, signal: stream.signal });
  await runStream(door, stream, async () => {
    if (endsAfter !== null) await followStream(stream, { following, ...lookups(door, caller, conversationId), endsAfter });
  });
}
