import { hashArguments } from "@parley/contracts";
import type { IntentRecord } from "./journal-line.ts";
import type { DispatchIntent } from "./start-child.ts";
import type { NewCard } from "./stored-card.ts";
import type { PlannedCall, RunningExecution, TurnRun } from "./turn-run.ts";

export type GatedIntent = DispatchIntent | Extract<IntentRecord, { act: "tool" | "peer" }>;

/** What is passed on when the call is made: an approval is bound to exactly this. */
export const argumentsOf = (intent: GatedIntent): Record<string, unknown> =>
  intent.act === "dispatch" ? { query: intent.query } : intent.arguments;

export function questionsCard(
  run: TurnRun,
  execution: RunningExecution,
  call: PlannedCall,
  intent: Extract<IntentRecord, { act: "ask" }>,
): NewCard {
  return {
    id: intent.cardId,
    ...placeOf(execution, call),
    kind: "questions",
    body: intent.questions,
    argumentsHash: null,
    expiresAt: cardExpiry(run, execution.agent.config.questionsExpireAfterSeconds),
  };
}

export function approvalCard(
  run: TurnRun,
  execution: RunningExecution,
  call: PlannedCall,
  { id, intent }: { id: string; intent: GatedIntent },
): NewCard {
  const given = argumentsOf(intent);
  const argumentsHash = hashArguments(given);
  return {
    id,
    ...placeOf(execution, call),
    kind: "approval",
    body: { tool: call.tool, arguments: given, argumentsHash, agentId: execution.agent.id, ...(intent.tainted ? { tainted: true } : {}) },
    argumentsHash,
    expiresAt: cardExpiry(run, execution.agent.config.approvalsExpireAfterSeconds),
  };
}

const placeOf = ({ id: executionId }: RunningExecution, { step, callIndex }: PlannedCall) => ({ executionId, step, callIndex });

/** When a card that is opened now is given up. */
export const cardExpiry = ({ clock }: TurnRun, seconds: number | null): string | null =>
  seconds === null ? null : new Date(clock.now() + seconds * 1_000).toISOString();
