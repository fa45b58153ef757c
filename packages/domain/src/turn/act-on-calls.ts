import type { CallRecord } from "@parley/contracts";
import { settledResult } from "./record-step.ts";
import { runChild } from "./run-child.ts";
import type { RunningExecution, TurnRun } from "./turn-run.ts";
import type { IntentRecord, ResultRecord } from "./turn-store.ts";

type Ask = { callIndex: number; intent: Extract<IntentRecord, { act: "ask" }> };

/**
 * Does what the calls of a step intend, all at once. Recorded results are not made again. Waits for every one, also
 * when one fails, so that nothing of the step is left running.
 */
export async function actOnCalls(
  run: TurnRun,
  execution: RunningExecution,
  step: number,
  calls: CallRecord[],
  intents: IntentRecord[],
): Promise<{ results: (ResultRecord | undefined)[]; asks: Ask[] }> {
  const asks: Ask[] = [];
  const acts = intents.map(async (intent, callIndex): Promise<ResultRecord | undefined> => {
    const known = run.journal.result(execution.id, step, callIndex) ?? settledResult(intent);
    if (known !== null && known !== undefined) return known;
    if (intent.act === "dispatch") return runChild(run, execution, { step, callIndex, tool: calls[callIndex]?.name ?? "", intent });
    if (intent.act === "ask") asks.push({ callIndex, intent });
    return undefined;
  });
  const settled = await Promise.allSettled(acts);
  const failed = settled.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return { results: settled.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : undefined)), asks };
}
