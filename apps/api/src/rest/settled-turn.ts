import { type Execution, isTurnEnd, type LogEvent } from "@parley/contracts";
import type { Following } from "@parley/domain";
import { foldExecution } from "./fold-execution.ts";
import { leavesQueueOf, type Submitted } from "./stream-ends.ts";

/**
 * The execution at the end or the pause of a message's turn, folded from its events and read from no store. Null where the
 * following ends before, or the message leaves the queue.
 */
export async function settledTurn({ execution, events }: Following, submitted: Submitted): Promise<Execution | null> {
  let row = execution;
  for await (const event of events) {
    row = foldExecution(row, event);
    if (isSettledBy(event, submitted)) return row;
    if (leavesQueueOf(event, submitted)) return null;
  }
  return null;
}

const isSettledBy = (event: LogEvent, { conversationId, turnId }: Submitted): boolean =>
  event.turnId === turnId && event.executionId === conversationId && (event.type === "turn.paused" || isTurnEnd(event.type));
