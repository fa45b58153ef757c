import type { ExecutionStatus, NewEvent, TurnEndReason } from "@parley/contracts";
import { systemMessages, userMessage } from "./build-prompt.ts";
import type { ResultRecord } from "./journal-line.ts";
import { resultLines } from "./record-result.ts";
import type { DispatchIntent } from "./start-child.ts";
import type { NewCard } from "./stored-card.ts";
import { TurnAbort } from "./turn-abort.ts";
import type { CallEnd, PlannedCall, RunningExecution, TurnRun } from "./turn-run.ts";

interface ChildEnd {
  status: ExecutionStatus;
  result: string | null;
  reason: TurnEndReason | null;
  /** What the model that called is told. */
  told: ResultRecord;
}

/**
 * Runs a sync child inside its parent's turn: same lease, same log, no slot of its own. A child that fails is a result
 * for its parent's model; only what ends the whole turn is thrown. Where the child waits for people, so does the turn: its own steps are
 * written down, and it goes on from them.
 */
export async function runChild(run: TurnRun, parent: RunningExecution, call: PlannedCall, intent: DispatchIntent): Promise<CallEnd> {
  const { childId, agentId, mode } = intent;
  const { claim, log } = run.active;
  const end = await untilEnd(run, parent, intent);
  if ("waitsFor" in end) return end;
  const usage = run.usage.unsaved();
  const childUsage = run.usage.of(childId);
  const { status, result, reason, told } = end;
  const lines = resultLines(run, parent, call, told);
  const finished: NewEvent = {
    type: "child.finished",
    executionId: parent.id,
    turnId: claim.turn.id,
    data: { childId, agentId, mode, status, result, reason, usage: childUsage },
  };
  await log.commit(
    {
      journal: [lines.journal],
      children: [{ change: "end", id: childId, status, result, reason, usage: childUsage }],
      events: [finished, lines.event],
      usage,
    },
    [childId],
  );
  run.usage.saved(usage);
  return { result: told };
}

async function untilEnd(run: TurnRun, parent: RunningExecution, intent: DispatchIntent): Promise<ChildEnd | { waitsFor: NewCard[] }> {
  const bound = new AbortController();
  const timer = setTimeout(() => bound.abort(new TurnAbort("timeout")), run.limits.childMs);
  try {
    const agent = await run.findAgent(run.active.claim.organizationId, intent.agentId, intent.agentVersion);
    if (agent === null) return failed("internal", "The agent does not exist any more.");
    await run.payments.forAgent(agent.id, parent.signal);
    const child: RunningExecution = {
      id: intent.childId,
      agent,
      depth: parent.depth + 1,
      messages: [...systemMessages(agent, {}), userMessage(intent.query, [])],
      signal: AbortSignal.any([parent.signal, bound.signal]),
      tainted: intent.tainted === true,
    };
    const end = await run.execute(run, child);
    if (end.kind === "paused") return { waitsFor: end.cards };
    const { text } = end.response;
    return { status: "completed", result: text, reason: null, told: { text, isError: false, ...(child.tainted ? {} : { words: "own" }) } };
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
  told: { text: `The agent did not answer: ${text}`, isError: true, words: "own" },
});
