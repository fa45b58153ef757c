import { type Execution, GatewayError, isTurnEnd, type LogEvent, START } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";

interface Await {
  conversationId: string;
  turnId: string;
  waitMs: number;
  signal: AbortSignal;
}

/**
 * Waits for the end or the pause of a turn, at most `waitMs` and never beyond the limit, and answers the execution as it was in it: of a message that
 * was merged, or taken by the turn that it steers, in the turn it went into. A turn that has not begun by then, or was cancelled, answers as the root
 * execution, `pending`. The tail only wakes; what is answered is read from the store.
 */
export async function awaitTurn(
  context: GatewayContext,
  caller: Caller,
  { conversationId, turnId, waitMs, signal }: Await,
): Promise<Execution> {
  const { organizationId } = caller;
  const bound = AbortSignal.any([signal, AbortSignal.timeout(Math.min(waitMs, context.limits.syncWaitMs))]);
  const follower = await context.followers.open({ organizationId, conversationId }, START, bound);
  try {
    for (;;) {
      let execution = await findTurn(context, caller, conversationId, turnId);
      if (execution === null && !(await context.conversations.isWaiting({ organizationId, conversationId }, turnId))) {
        // It may have begun between the two reads, which is not its end.
        execution = await findTurn(context, caller, conversationId, turnId);
        if (execution === null) return await pending(context, caller, conversationId, turnId);
      }
      if (execution !== null && isSettled(execution)) return execution;
      // A message that was merged or taken goes with another turn than the one it would have become.
      const tellsMore = execution === null ? tellsOfFate(turnId) : endsOrPauses(execution.turnId ?? turnId);
      for (let told = false; !told; ) {
        const woken = await follower.wait();
        if (woken === "closed") return execution ?? (await pending(context, caller, conversationId, turnId));
        told = follower.take().some(tellsMore) || woken === "again";
      }
    }
  } finally {
    follower.close();
  }
}

/** The execution as it is in this turn; `pending` while its message waits. Throws `not_found` for a turn that neither is nor will be. */
export async function readTurn(
  context: GatewayContext,
  caller: Caller,
  { conversationId, turnId }: { conversationId: string; turnId: string },
): Promise<Execution> {
  const known = await findTurn(context, caller, conversationId, turnId);
  if (known !== null) return known;
  const waits = await context.conversations.isWaiting({ organizationId: caller.organizationId, conversationId }, turnId);
  // It may have begun between the two reads.
  const begun = await findTurn(context, caller, conversationId, turnId);
  if (begun === null && !waits) throw new GatewayError("not_found");
  return begun ?? pending(context, caller, conversationId, turnId);
}

const endsOrPauses =
  (turnId: string) =>
  (event: LogEvent): boolean =>
    event.turnId === turnId && (event.type === "turn.paused" || isTurnEnd(event.type));

/** Whether an event may say what became of a message that waits: its turn, another's, or none. */
const tellsOfFate =
  (turnId: string) =>
  (event: LogEvent): boolean => {
    switch (event.type) {
      case "turn.created":
        return event.data.turnId === turnId || event.data.merged?.some((merged) => merged.turnId === turnId) === true;
      case "steer.applied":
        return true;
      case "queue.updated":
        return event.data.action === "cancel" || event.data.action === "clear" || event.data.action === "expire";
      default:
        return false;
    }
  };

async function findTurn({ executions }: GatewayContext, caller: Caller, conversationId: string, turnId: string): Promise<Execution | null> {
  const execution = await executions.findTurn(caller.organizationId, conversationId, turnId);
  if (execution !== null && !mayUseAgent(caller, execution.agentId)) throw new GatewayError("not_found");
  return execution;
}

async function pending({ executions }: GatewayContext, caller: Caller, conversationId: string, turnId: string): Promise<Execution> {
  const root = await executions.find(caller.organizationId, conversationId);
  if (root === null || !mayUseAgent(caller, root.agentId)) throw new GatewayError("not_found");
  return { ...root, turnId, status: "pending", result: null };
}

const isSettled = ({ status }: Execution): boolean => status !== "pending" && status !== "executing";
