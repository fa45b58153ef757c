import { isTurnEnd, type LogEvent } from "@parley/contracts";

interface Waiting {
  turnId: string;
  messageId: string;
}

/** Knows at which event nothing more is to come from one message: its turn ended or paused, or it left the queue before it ran. */
export function turnEndDetector({ turnId, messageId }: Waiting): (event: LogEvent) => boolean {
  let begun = false;
  return (event) => {
    if (event.type === "queue.updated") {
      if (event.data.action === "cancel") return event.data.messageId === messageId;
      return event.data.action === "clear" && !begun;
    }
    if (event.turnId !== turnId) return false;
    begun = true;
    return event.type === "turn.paused" || isTurnEnd(event.type);
  };
}
