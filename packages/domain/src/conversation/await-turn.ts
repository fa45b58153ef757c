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
 * Waits for the end or the pause of a turn, at most `waitMs` and never beyond the limit, and answers the execution as it was in it. A turn that has
 * not begun by then, or was cancelled, answers as the root execution, `pending`. The tail only wakes; what is answered is read from the store.
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
      const execution = await findTurn(context, caller, conversationId, turnId);
      if (execution !== null && isSettled(execution)) return execution;
      if (execution === null && !(await isComing(context, caller, conversationId, turnId))) {
        // It may have begun and ended between the two reads.
        return (await findTurn(context, caller, conversationId, turnId)) ?? (await pending(context, caller, conversationId, turnId));
      }
      for (let told = false; !told; ) {
        const woken = await follower.wait();
        if (woken === "closed") return execution ?? (await pending(context, caller, conversationId, turnId));
        told = follower.take().some((event) => isAbout(event, turnId) || leavesTheQueue(event)) || woken === "again";
      }
    }
  } finally {
    follower.close();
  }
}

const isAbout = (event: LogEvent, turnId: string): boolean =>
  event.turnId === turnId && (event.type === "turn.paused" || isTurnEnd(event.type));

/** The message that is waited for may have been cancelled before its turn began. */
const leavesTheQueue = (event: LogEvent): boolean =>
  event.type === "queue.updated" && (event.data.action === "cancel" || event.data.action === "clear");

/** Whether the turn's message still waits, or its turn has begun after all. */
async function isComing({ conversations }: GatewayContext, caller: Caller, conversationId: string, turnId: string): Promise<boolean> {
  const state = await conversations.runState({ organizationId: caller.organizationId, conversationId });
  return state !== null && (state.turnId === turnId || state.queue.some((message) => message.turnId === turnId));
}

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
