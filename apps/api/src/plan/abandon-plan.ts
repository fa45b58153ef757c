import { isGatewayError } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import type { NamedStream } from "../named-stream.ts";
import type { Accepted } from "../turn/begin-turn.ts";
import type { Door } from "./call.ts";

interface Watched {
  caller: Caller;
  accepted: Accepted;
  stream: NamedStream;
  /** The stream ended by itself. */
  isOver(): boolean;
}

/** Stops a plan whose caller leaves before its end, and no other: a message that still waits is taken out of the queue, and those behind it go on. */
export function abandonPlan(door: Door, { caller, accepted, stream, isOver }: Watched): void {
  const { gateway, log } = door;
  const { conversationId, turnId, messageId } = accepted;

  async function stop(): Promise<void> {
    const { stopped, queueDepth } = await gateway.stopConversation(caller, { conversationId, turnId, clearQueue: false });
    if (!stopped && messageId !== "") await gateway.cancelMessage(caller, { conversationId, messageId }).catch(ignoreGone);
    // A stop holds the queue, and nobody else has asked for that.
    else if (queueDepth > 0) await gateway.drainConversation(caller, conversationId);
  }
  const left = (): void => {
    if (isOver()) return;
    stop().catch((error: unknown) => log.warn({ err: error, conversationId }, "a plan that was left could not be stopped"));
  };
  if (stream.signal.aborted) left();
  else stream.signal.addEventListener("abort", left, { once: true });
}

/** It runs, or has ended, since. */
function ignoreGone(error: unknown): void {
  if (!isGatewayError(error, "message_not_waiting")) throw error;
}
