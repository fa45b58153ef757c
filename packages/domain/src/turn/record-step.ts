import { type MessageId, type NewEvent, newId, type TurnId } from "@parley/contracts";
import { parseJson } from "./plan-call.ts";
import type { RunningExecution, TurnRun } from "./turn-run.ts";
import type { ChildChange, IntentRecord, JournalLine, ResponseRecord, ResultRecord } from "./turn-store.ts";

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
    if (intent.act === "dispatch") {
      children.push(startChild(execution, intent));
      const agentName = (await run.findAgent(claim.organizationId, intent.agentId, intent.agentVersion))?.name ?? tool;
      const { childId, agentId, agentVersion, mode, query } = intent;
      events.push({ ...about, type: "child.created", data: { childId, agentId, agentVersion, agentName, mode, query } });
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
  if (intent.act === "refuse") return { text: intent.text, isError: true };
  if (intent.act !== "dispatch" || intent.mode === "sync") return null;
  return { text: `Started in the background as task ${intent.childId}. Its result will come later.`, isError: false };
}

function startChild(execution: RunningExecution, intent: Extract<IntentRecord, { act: "dispatch" }>): ChildChange {
  const { childId: id, agentId, agentVersion, query: text } = intent;
  const base = { change: "start" as const, id, parentId: execution.id, agentId, agentVersion, text };
  if (intent.mode === "sync") return { ...base, mode: "sync" };
  const wakesParent = execution.depth === 0 && execution.agent.config.wakeOnAsyncResult;
  return { ...base, mode: "async", messageId: newId<MessageId>(), turnId: newId<TurnId>(), wakesParent };
}
