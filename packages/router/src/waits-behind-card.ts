import type { Execution, LogEvent, SubmitResult } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";

interface Accepted {
  /** The conversation as the message found it. */
  execution: Execution;
  submitted: Pick<SubmitResult, "action" | "replayed" | "conversationId" | "turnId">;
}

/**
 * Whether a message waits for a person's answer to the turn ahead of it: nothing of its own will come for as long as
 * that takes, so nobody should be kept waiting. Reads only where the call is a repeated one: its message may have run since.
 */
export async function waitsBehindCard(gateway: Gateway, caller: Caller, { execution, submitted }: Accepted): Promise<boolean> {
  const { action, replayed, conversationId, turnId } = submitted;
  if (action !== "queued" || execution.status !== "paused" || execution.turnId === turnId) return false;
  if (!replayed) return true;
  const { queue } = await gateway.getRunState(caller, conversationId);
  return queue.some((message) => message.turnId === turnId);
}

/** Ends a stream with the event that says that the message waits. */
export const endsWithQueued =
  ({ messageId }: Pick<SubmitResult, "messageId">) =>
  (event: LogEvent): boolean =>
    event.type === "queue.updated" && event.data.action === "enqueue" && event.data.messageId === messageId;
