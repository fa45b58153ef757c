import { isTurnEnd, type LogEvent, type SubmitResult } from "@parley/contracts";

/**
 * Where a message stands: it waits in the queue or for a step boundary; its turn is under way; that turn has ended or paused;
 * it left the queue before it ran.
 */
export type MessageStanding = "waits" | "runs" | "ended" | "left";

type Tracked = Pick<SubmitResult, "conversationId" | "messageId" | "turnId">;

/**
 * Follows one message through its conversation's log, asked once per event and in order. A message that is merged into another goes
 * with that one's turn, one that steers goes with the turn that takes it; otherwise it has the turn that its answer named.
 */
export function trackMessage({ conversationId, messageId, turnId }: Tracked): (event: LogEvent) => MessageStanding {
  let turn = turnId;
  let standing: MessageStanding = "waits";
  return (event) => {
    if (standing === "left" || standing === "ended") return standing;
    if (event.type === "turn.created" && event.data.merged?.some((merged) => merged.messageId === messageId)) turn = event.data.turnId;
    if (event.type === "steer.applied" && event.data.messageId === messageId) {
      turn = event.turnId ?? turn;
      standing = "runs";
    }
    if (event.type === "queue.updated") {
      const { action, messageId: one, messageIds = [] } = event.data;
      const leaves = action === "cancel" || action === "clear" || action === "expire";
      if (leaves && (one === messageId || messageIds.includes(messageId))) standing = "left";
    } else if (event.turnId === turn && event.executionId === conversationId) {
      standing = event.type === "turn.paused" || isTurnEnd(event.type) ? "ended" : "runs";
    }
    return standing;
  };
}

/** Knows at which event nothing more is to come from one message. */
export function messageEnd(message: Tracked): (event: LogEvent) => boolean {
  const track = trackMessage(message);
  return (event) => {
    const standing = track(event);
    return standing === "ended" || standing === "left";
  };
}
