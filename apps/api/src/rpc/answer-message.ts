import { dispatch } from "./dispatch.ts";
import { CODES, failed, type RpcFailure, type RpcReply } from "./messages.ts";
import type { Peer, RpcDoor } from "./method.ts";
import { readCalls } from "./read-calls.ts";

/** What a message is answered with. `refused`: nothing of it was looked at. Null: there is nothing to say. */
export type Answer = { refused: RpcFailure } | { text: string | null };

export const tooOften = (retryAfterSeconds: number): RpcFailure => ({
  code: CODES.limit,
  message: "Message rate limit exceeded",
  data: { retryAfterSeconds },
});

/**
 * Answers a message whose size is known to be right, and which has been counted as one call. The calls of a batch run at the same
 * time and count one by one; their answers come in their order, and a single one comes without its list.
 */
export async function answerMessage(door: RpcDoor, peer: Peer, text: string): Promise<Answer> {
  const read = readCalls(text, door.limits);
  if ("refused" in read) return read;
  const { calls } = read;
  if (calls.length > 1 && peer.idempotencyHeader !== null) {
    return { refused: { code: CODES.invalidRequest, message: "An Idempotency-Key header is for one call, not for a batch." } };
  }
  const seconds = calls.length > 1 ? await door.window.take(peer.caller, calls.length - 1) : 0;
  if (seconds > 0) return { refused: tooOften(seconds) };
  const replies = (await Promise.all(calls.map((call) => settled(door, peer, call)))).filter((reply) => reply !== null);
  if (replies.length === 0) return { text: null };
  return { text: JSON.stringify(replies.length === 1 ? replies[0] : replies) };
}

async function settled(door: RpcDoor, peer: Peer, call: unknown): Promise<RpcReply | null> {
  try {
    return await dispatch(door, peer, call);
  } catch (error) {
    door.log.error({ error }, "a call could not be dispatched");
    return failed(null, { code: CODES.internal, message: "Internal error" });
  }
}
