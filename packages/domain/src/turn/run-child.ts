import { type ExecutionStatus, type TurnEndReason } from "@parley/contracts";
import { systemMessages, userMessage } from "./build-prompt.ts";
import { TurnAbort } from "./turn-abort.ts";
import type { RunningExecution, TurnRun } from "./turn-run.ts";
import type { IntentRecord, ResultRecord } from "./turn-store.ts";

interface ChildCall {
  step: number;
  callIndex: number;
  tool: string;
  intent: Extract<IntentRecord, { act: "dispatch" }>;
}

interface ChildEnd {
  status: ExecutionStatus;
  result: string | null;
  reason: TurnEndReason | null;
  /** What the model that called is told. */
  told: ResultRecord;
}

/**
 * Runs a sync child inside its parent's turn: same lease, same log, no slot of its own. A child that fails is a result
 * for its parent's model; only what ends the whole turn is thrown.
 */
export async function runChild(run: TurnRun, parent: RunningExecution, call: ChildCall): Promise<ResultRecord> {
  const { childId, agentId, mode } = call.intent;
  const { claim, log } = run.active;
  const end = await untilEnd(run, parent, call);
  const usage = run.usage.unsaved();
  const childUsage = run.usage.of(childId);
  const about = { executionId: parent.id, turnId: claim.turn.id };
  const { status, result, reason, told } = end;
  await log.commit(
    {
      journal: [{ executionId: parent.id, step: call.step, callIndex: call.callIndex, kind: "result", payload: told }],
      children: [{ change: "end", id: childId, status, result, reason, usage: childUsage }],
      events: [
        { ...about, type: "child.finished", data: { childId, agentId, mode, status, result, reason, usage: childUsage } },
        {
          ...about,
          type: "tool.returned",
          data: { step: call.step, callId: call.intent.callId, tool: call.tool, result: told.text, isError: told.isError },
        },
      ],
      usage,
    },
    [childId],
  );
  run.usage.saved(usage);
  return told;
}

async function untilEnd(run: TurnRun, parent: RunningExecution, { intent }: ChildCall): Promise<ChildEnd> {
  const bound = new AbortController();
  const timer = setTimeout(() => bound.abort(new TurnAbort("timeout")), run.limits.childMs);
  try {
    const agent = await run.findAgent(run.active.claim.organizationId, intent.agentId, intent.agentVersion);
    if (agent === null) return failed("internal", "The agent does not exist any more.");
    const child: RunningExecution = {
      id: intent.childId,
      agent,
      depth: parent.depth + 1,
      messages: [...systemMessages(agent, {}), userMessage(intent.query, [])],
      signal: AbortSignal.any([parent.signal, bound.signal]),
    };
    const end = await run.execute(run, child);
    if (end.kind === "paused") return failed("internal", "A waiting child cannot ask the user.");
    const { text } = end.response;
    return { status: "completed", result: text, reason: null, told: { text, isError: false } };
  } catch (error) {
    parent.signal.throwIfAborted();
    if (!(error instanceof TurnAbort) || error.reason === "shutdown" || error.reason === "lease_lost") throw error;
    return failed(error.reason, error.text);
  } finally {
    clearTimeout(timer);
  }
}

const failed = (reason: TurnEndReason, text: string): ChildEnd => ({
  status: reason === "internal" || reason === "model_unavailable" ? "error" : "failed",
  result: null,
  reason,
  told: { text: `The agent did not answer: ${text}`, isError: true },
});
