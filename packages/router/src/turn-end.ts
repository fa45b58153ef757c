import { type Execution, isTerminal, isTurnEnd, type LogEvent } from "@parley/contracts";

interface Waiting {
  turnId: string;
  messageId: string;
}

/**
 * Knows when nothing more is to come from one message: its turn ended or paused, or it left the queue before it ran.
 * `from` is the conversation at the place where reading begins.
 */
export function turnEndDetector({ turnId, messageId }: Waiting, from: Execution) {
  let begun = from.turnId === turnId;
  return {
    wasOver: begun && (isTerminal(from.status) || from.status === "paused"),
    endsWith(event: LogEvent): boolean {
      if (event.type === "queue.updated") {
        if (event.data.action === "cancel") return event.data.messageId === messageId;
        return event.data.action === "clear" && !begun;
      }
      if (event.turnId !== turnId) return false;
      begun = true;
      return event.type === "turn.paused" || isTurnEnd(event.type);
    },
  };
}
