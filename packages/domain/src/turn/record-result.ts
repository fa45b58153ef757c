import type { NewEvent } from "@parley/contracts";
import type { JournalLine, ResultRecord } from "./journal-line.ts";
import type { PlannedCall, RunningExecution, TurnRun } from "./turn-run.ts";

/** A call's result as the journal and the log have it. */
export function resultLines(
  run: TurnRun,
  execution: RunningExecution,
  call: PlannedCall,
  result: ResultRecord,
): { journal: JournalLine; event: NewEvent } {
  const { step, callIndex, tool, intent } = call;
  const { text, isError, unknown } = result;
  return {
    journal: { executionId: execution.id, step, callIndex, kind: "result", payload: result },
    event: {
      type: "tool.returned",
      executionId: execution.id,
      turnId: run.active.claim.turn.id,
      data: { step, callId: intent.callId, tool, result: text, isError, ...(unknown === undefined ? {} : { unknown }) },
    },
  };
}

/** Writes a call's result down, so that no later attempt makes the call again. */
export async function recordResult(
  run: TurnRun,
  execution: RunningExecution,
  call: PlannedCall,
  result: ResultRecord,
): Promise<ResultRecord> {
  const { journal, event } = resultLines(run, execution, call, result);
  await run.active.log.commit({ journal: [journal], events: [event] });
  return result;
}
