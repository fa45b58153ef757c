import {
  addUsage,
  type ConversationView,
  type Execution,
  type ExecutionView,
  GatewayError,
  type LogEvent,
  NO_USAGE,
} from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { readLog } from "../log/read-log.ts";
import { findExecution } from "./find-execution.ts";
import { threadEntries, threadMessages } from "./thread.ts";

type Executions = Pick<Gateway, "getConversation" | "getExecution" | "listExecutions" | "getThread" | "getFullThread">;

export function readExecutions(context: GatewayContext): Executions {
  const { executions, conversations } = context;

  const find = (caller: Caller, executionId: string) => findExecution(context, caller, executionId);

  /** The log that an execution's facts are in: a sync child's are in its root's. */
  const logOf = (caller: Caller, { conversationId }: Execution) =>
    readLog(context.logs, { organizationId: caller.organizationId, conversationId });

  /** Whether something of a turn belongs to a branch: the current one for null. */
  async function branchOf(
    caller: Caller,
    conversationId: string,
    branch: number | null,
  ): Promise<(of: { turnId: string | null }) => boolean> {
    const hidden = await conversations.hiddenTurns({ organizationId: caller.organizationId, conversationId }, branch);
    if (hidden === null) throw new GatewayError("not_found");
    const gone = new Set(hidden);
    return ({ turnId }) => turnId === null || !gone.has(turnId);
  }

  async function visibleLog(caller: Caller, execution: Execution): Promise<LogEvent[]> {
    const [events, isShown] = await Promise.all([logOf(caller, execution), branchOf(caller, execution.conversationId, null)]);
    return events.filter(isShown);
  }

  return {
    async getConversation(caller, { conversationId, branch }): Promise<ConversationView> {
      const root = await find(caller, conversationId);
      const state = await conversations.runState({ organizationId: caller.organizationId, conversationId });
      if (state === null || root.mode !== "root") throw new GatewayError("not_found");
      const isShown = await branchOf(caller, conversationId, branch ?? null);
      const events = await logOf(caller, root);
      const below = await executions.descendants(caller.organizationId, conversationId);
      const views = await Promise.all(
        below.map(async (child): Promise<ExecutionView> => {
          // A background child has a log of its own, and so have the children that it waits for.
          const own = child.conversationId === conversationId ? events : await logOf(caller, child);
          return { execution: child, thread: threadEntries(child, own), usage: child.usage };
        }),
      );
      const rootUsage = events.reduce(
        (sum, event) => (isEnd(event) && event.executionId === root.id ? addUsage(sum, event.data.usage) : sum),
        NO_USAGE,
      );
      return {
        conversationId,
        version: state.version,
        branch: branch ?? state.branch,
        root: { execution: root, thread: threadEntries(root, events.filter(isShown)), usage: rootUsage },
        children: views.filter(({ execution }) => execution.parentId !== conversationId || isShown(execution)),
        // What was cut off was used, too.
        usage: views.reduce((sum, child) => addUsage(sum, child.usage), rootUsage),
      };
    },
    getExecution: find,
    async listExecutions(caller, filter) {
      checkPage(filter, context.limits);
      return executions.list(caller.organizationId, { ...filter, agentIds: caller.agentIds === null ? null : [...caller.agentIds] });
    },
    async getThread(caller, executionId) {
      const execution = await find(caller, executionId);
      return threadMessages(execution, await visibleLog(caller, execution));
    },
    async getFullThread(caller, executionId) {
      const execution = await find(caller, executionId);
      const threads: Record<string, ReturnType<typeof threadMessages>> = {
        root: threadMessages(execution, await visibleLog(caller, execution)),
      };
      for (const child of await executions.descendants(caller.organizationId, executionId)) {
        threads[child.id] = threadMessages(child, await logOf(caller, child));
      }
      return threads;
    },
  };
}

type Event = Awaited<ReturnType<typeof readLog>>[number];
type EndEvent = Extract<Event, { type: "turn.completed" | "turn.failed" | "turn.stopped" }>;
const isEnd = (event: Event): event is EndEvent =>
  event.type === "turn.completed" || event.type === "turn.failed" || event.type === "turn.stopped";
