import type { AgentTool } from "./agent-tool.ts";
import type { IntentRecord, ResultRecord } from "./journal-line.ts";
import { outlastOutage } from "./outlast-outage.ts";
import { recordResult } from "./record-result.ts";
import type { PlannedCall, RunningExecution, TurnRun } from "./turn-run.ts";

/** The same on every attempt: whoever receives it can tell a repeat. */
const stepKey = (turnId: string, executionId: string, { step, callIndex }: PlannedCall): string =>
  `${turnId}/${executionId}/${step}/${callIndex}`;

/** Makes a call of one of the agent's own tools and writes its result down. Throws only what ends the turn. */
export async function runTool(
  run: TurnRun,
  execution: RunningExecution,
  call: PlannedCall,
  { tool, intent }: { tool: AgentTool; intent: Extract<IntentRecord, { act: "tool" }> },
): Promise<ResultRecord> {
  const { claim } = run.active;
  const { id: turnId, user } = claim.turn;
  await run.active.ensureFresh();
  const order = {
    arguments: intent.arguments,
    key: stepKey(turnId, execution.id, call),
    organizationId: claim.organizationId,
    conversationId: claim.conversationId,
    turnId,
    executionId: execution.id,
    userEmail: user?.email ?? null,
    agentId: execution.agent.id,
    signal: execution.signal,
  };
  // The store is away for tools of our own only, which may be asked twice.
  const result = await outlastOutage(run.clock, () => tool.run(order), execution.signal);
  execution.signal.throwIfAborted();
  return recordResult(run, execution, call, result);
}
