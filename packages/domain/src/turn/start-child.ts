import { type MessageId, type NewEvent, newId, type TurnId } from "@parley/contracts";
import { hopsOf } from "../peer/hops-left.ts";
import type { IntentRecord, ResultRecord } from "./journal-line.ts";
import type { RunningExecution, TurnRun } from "./turn-run.ts";
import type { ChildChange } from "./turn-store.ts";

export type DispatchIntent = Extract<IntentRecord, { act: "dispatch" }>;

/** What a child's start writes: its row, or its log for a background one, and the fact. */
export async function startChild(
  run: TurnRun,
  parent: RunningExecution,
  intent: DispatchIntent,
  tool: string,
): Promise<{ child: ChildChange; event: NewEvent }> {
  const { claim } = run.active;
  const { childId, agentId, agentVersion, mode, query } = intent;
  const agentName = (await run.findAgent(claim.organizationId, agentId, agentVersion))?.name ?? tool;
  const base = { change: "start" as const, id: childId, parentId: parent.id, agentId, agentVersion, text: query };
  const wakesParent = parent.depth === 0 && parent.agent.config.wakeOnAsyncResult;
  return {
    child:
      mode === "sync"
        ? { ...base, mode }
        : { ...base, mode, messageId: newId<MessageId>(), turnId: newId<TurnId>(), wakesParent, ...hopsOf(run) },
    event: {
      type: "child.created",
      executionId: parent.id,
      turnId: claim.turn.id,
      data: { childId, agentId, agentVersion, agentName, mode, query },
    },
  };
}

/** What the model is told of a background child. */
export const startedInBackground = (childId: string): ResultRecord => ({
  text: `Started in the background as task ${childId}. Its result will come later.`,
  isError: false,
  words: "own",
});
