import type { Execution, SubmitResult } from "@parley/contracts";
import type { Following } from "@parley/domain";
import { trackMessage } from "@parley/router";
import { foldExecution } from "../turn/fold-execution.ts";

/**
 * The execution at the end or the pause of a message's turn, with the tools that it called since, folded from its events and read from
 * no store. Null where the following ends before, or the message leaves the queue.
 */
export async function settledTurn({ execution, events }: Following, submitted: SubmitResult): Promise<Execution | null> {
  const track = trackMessage(submitted);
  const tools = new Set<string>();
  let row = execution;
  for await (const event of events) {
    row = foldExecution(row, event);
    if (event.type === "turn.created") tools.clear();
    if (event.type === "tool.called" && event.executionId === row.id) tools.add(event.data.tool);
    const standing = track(event);
    if (standing === "ended") return { ...row, usedTools: [...tools].sort() };
    if (standing === "left") return null;
  }
  return null;
}
