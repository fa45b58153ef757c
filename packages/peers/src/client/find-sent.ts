import type { PeerCall } from "@parley/domain";
import { TASK_NOT_FOUND } from "./exchange.ts";
import type { Line } from "./open-line.ts";
import type { ReadCard } from "./read-card.ts";
import type { TaskView } from "./task-view.ts";

/** How many of a context's newest tasks are looked through. */
const TASKS_MAX = 50;
const LOOK_MS = 30_000;

/**
 * Looks for what became of a message that was sent before: by its task, by the id that it gave to the task, or, where tasks can be listed, by the message in
 * the history of a task. False where the peer knows nothing of it or cannot be asked. Throws what a failed request throws.
 */
export async function findSent(
  line: Line,
  { card, call, sentTaskId, view }: { card: ReadCard | null; call: PeerCall; sentTaskId: string | null; view: TaskView },
): Promise<boolean> {
  const { transport, serviceParameters } = line;
  const options = { serviceParameters, signal: AbortSignal.any([call.signal, AbortSignal.timeout(LOOK_MS)]) };
  const named = sentTaskId ?? call.taskId ?? (card?.takesTaskIds === true ? call.messageId : null);
  if (named !== null) {
    try {
      view.takeTask(await transport.getTask({ tenant: "", id: named, historyLength: 0 }, options));
      return true;
    } catch (error) {
      if (line.exchange.refusal?.code === TASK_NOT_FOUND) return false;
      throw error;
    }
  }
  if (line.version !== "1.0") return false;
  const { tasks } = await transport.listTasks(
    {
      tenant: "",
      contextId: call.contextId,
      status: 0,
      pageSize: TASKS_MAX,
      pageToken: "",
      historyLength: TASKS_MAX,
      statusTimestampAfter: undefined,
      includeArtifacts: true,
    },
    options,
  );
  const found = tasks.find(({ history }) => history.some(({ messageId }) => messageId === call.messageId));
  if (found === undefined) return false;
  view.takeTask(found);
  return true;
}
