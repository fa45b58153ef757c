import type { NewEvent } from "@parley/contracts";
import { startPeerCall } from "../peer/start-peer-call.ts";
import type { IntentRecord, JournalLine, ResponseRecord, ResultRecord } from "./journal-line.ts";
import type { RouterTools } from "./router-tools.ts";
import { startChild, startedInBackground } from "./start-child.ts";
import { parseJson } from "./storable.ts";
import type { RunningExecution, TurnRun } from "./turn-run.ts";
import type { ChildChange } from "./turn-store.ts";

/**
 * Writes a step down before anything of it is done: the response, an intent per call, and in the same commit what is
 * settled by it: refusals, and async children, which exist from here on.
 */
export async function recordStep(
  run: TurnRun,
  execution: RunningExecution,
  step: number,
  response: ResponseRecord,
  intents: IntentRecord[],
  tools: RouterTools,
): Promise<void> {
  const { claim, log } = run.active;
  const place = { executionId: execution.id, step };
  const journal: JournalLine[] = [{ ...place, callIndex: 0, kind: "response", payload: response }];
  const about = { executionId: execution.id, turnId: claim.turn.id };
  const { text, calls, model, finishReason } = response;
  const events: NewEvent[] = [{ ...about, type: "step.completed", data: { step, text, calls, model, finishReason } }];
  const children: ChildChange[] = [];

  for (const [callIndex, intent] of intents.entries()) {
    const call = calls[callIndex];
    const tool = call?.name ?? "";
    journal.push({ ...place, callIndex, kind: "intent", payload: intent });
    events.push({
      ...about,
      type: "tool.called",
      data: { step, callId: intent.callId, tool, arguments: parseJson(call?.arguments ?? "") ?? call?.arguments ?? null },
    });
    if (intent.act === "dispatch" && intent.approvalId === undefined) {
      const started = await startChild(run, execution, intent, tool);
      children.push(started.child);
      events.push(started.event);
    }
    if (intent.act === "peer" && intent.approvalId === undefined) {
      const skill = tools.peers.get(tool);
      if (skill === undefined) throw new Error(`The skill behind ${tool} is gone between the plan and its record.`);
      const started = startPeerCall(run, execution, intent, skill);
      children.push(started.child);
      events.push(started.event);
    }
    const settled = settledResult(intent);
    if (settled === null) continue;
    journal.push({ ...place, callIndex, kind: "result", payload: settled });
    events.push({
      ...about,
      type: "tool.returned",
      data: { step, callId: intent.callId, tool, result: settled.text, isError: settled.isError },
    });
  }
  const usage = run.usage.unsaved();
  const isRoot = execution.depth === 0;
  await log.commit({ events, journal, children, usage, ...(isRoot ? { step } : {}) }, [execution.id]);
  run.usage.saved(usage);
  for (const child of children) if (child.change === "start" && child.mode === "async") run.kickChild(child.id);
}

/** The result of a call that is done by being written down. */
export function settledResult(intent: IntentRecord): ResultRecord | null {
  if (intent.act === "refuse") return { text: intent.text, isError: true, words: "own" };
  const isChild = intent.act === "dispatch" || intent.act === "peer";
  if (!isChild || intent.mode === "sync" || intent.approvalId !== undefined) return null;
  return startedInBackground(intent.childId);
}
