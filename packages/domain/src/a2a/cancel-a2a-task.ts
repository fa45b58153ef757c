import { type A2aTask, GatewayError, hasTaskEnded, isGatewayError } from "@parley/contracts";
import { awaitTurn } from "../conversation/await-turn.ts";
import { cancelMessage, drainConversation, stopConversation } from "../conversation/control-conversation.ts";
import { followConversation } from "../conversation/follow-conversation.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { getA2aTask } from "./a2a-tasks.ts";

/** How long a stopped turn may take to end before its task is answered as it is. */
const STOP_MS = 10_000;

interface Cancel {
  agentId: string;
  taskId: string;
  signal: AbortSignal;
}

/** The stop is a row before anything is waited for: whoever is gone by then has canceled all the same. */
export async function cancelA2aTask(context: GatewayContext, caller: Caller, { signal, ...wanted }: Cancel): Promise<A2aTask> {
  const task = await getA2aTask(context, caller, wanted);
  if (task.state === "canceled") return task;
  if (hasTaskEnded(task.state)) throw new GatewayError("task_not_cancelable");
  const { conversationId, messageId } = task;
  const hasLeft = await leavesQueue(context, caller, { conversationId, messageId });
  if (hasLeft) await toldOfLeaving(context, caller, task, signal);
  else {
    const { queueDepth } = await stopConversation(context, caller, { conversationId, turnId: task.id, clearQueue: false });
    // Other tasks of the context are their own: what waits behind this one goes on.
    if (queueDepth > 0) await drainConversation(context, caller, conversationId);
    await awaitTurn(context, caller, { conversationId, turnId: task.id, waitMs: STOP_MS, signal });
  }
  const ended = await getA2aTask(context, caller, wanted);
  if (hasTaskEnded(ended.state) && ended.state !== "canceled") throw new GatewayError("task_not_cancelable");
  return hasLeft ? { ...ended, state: "canceled" } : ended;
}

/** While another turn runs, only its holder writes the log, by which the task is kept: what is read next says that it is canceled, too. */
async function toldOfLeaving(context: GatewayContext, caller: Caller, task: A2aTask, signal: AbortSignal): Promise<void> {
  const { conversationId, messageId, head: after } = task;
  const bound = AbortSignal.any([signal, AbortSignal.timeout(STOP_MS)]);
  const { events } = await followConversation(context, caller, { conversationId, after, signal: bound });
  for await (const { type, data } of events) {
    if (type === "queue.updated" && data.action === "cancel" && data.messageId === messageId) return;
  }
}

/** Whether its message still waited for its turn and now waits no more. */
async function leavesQueue(
  context: GatewayContext,
  caller: Caller,
  message: { conversationId: string; messageId: string },
): Promise<boolean> {
  try {
    return (await cancelMessage(context, caller, message)).cancelled > 0;
  } catch (error) {
    if (isGatewayError(error, "message_not_waiting")) return false;
    throw error;
  }
}
