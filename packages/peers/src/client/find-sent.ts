import type { Task } from "@a2a-js/sdk";
import type { PeerCall } from "@parley/domain";
import { TASK_NOT_FOUND } from "./exchange.ts";
import type { Line } from "./open-line.ts";
import type { ReadCard } from "./read-card.ts";

/** How many of a context's newest tasks are looked through. */
const TASKS_MAX = 50;
const LOOK_MS = 30_000;

type SentMessage = Pick<PeerCall, "messageId" | "contextId" | "signal">;

/**
 * The task that became of a message that was sent before: by the id that it gave to the task, or, where tasks can be listed, by the message in the history
 * of a task. Null where the peer knows of none. Throws what a failed request throws. To be asked only where `mayAsk` says so.
 */
export async function findTaskOf(line: Line, card: ReadCard | null, { messageId, contextId, signal }: SentMessage): Promise<Task | null> {
  if (card?.takesTaskIds === true) return taskNamed(line, messageId, signal);
  const { tasks } = await line.transport.listTasks(
    {
      tenant: "",
      contextId,
      status: 0,
      pageSize: TASKS_MAX,
      pageToken: "",
      historyLength: TASKS_MAX,
      statusTimestampAfter: undefined,
      includeArtifacts: true,
    },
    optionsOf(line, signal),
  );
  return tasks.find(({ history }) => history.some((message) => message.messageId === messageId)) ?? null;
}

/** Whether a peer can be asked what became of a message: of version 0.3 only those that are given the ids of their tasks. */
export const mayAsk = (line: Line, card: ReadCard | null): boolean => card?.takesTaskIds === true || line.version === "1.0";

/** Null where there is no such task. Throws what a failed request throws. */
export async function taskNamed(line: Line, id: string, signal: AbortSignal): Promise<Task | null> {
  try {
    return await line.transport.getTask({ tenant: "", id, historyLength: 0 }, optionsOf(line, signal));
  } catch (error) {
    if (line.exchange.refusal?.code === TASK_NOT_FOUND) return null;
    throw error;
  }
}

const optionsOf = ({ serviceParameters }: Line, signal: AbortSignal) => ({
  serviceParameters,
  signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]),
});
