import { addUsage, type ConversationView, type Execution, type ExecutionView, GatewayError, isTerminal, NO_USAGE } from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import { announceStop } from "../conversation/announce-stop.ts";
import { awaitTurn } from "../conversation/await-turn.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { readLog } from "../log/read-log.ts";
import { threadEntries, threadMessages } from "./thread.ts";

type Executions = Pick<
  Gateway,
  "getConversation" | "getExecution" | "listExecutions" | "getThread" | "getFullThread" | "stopExecution" | "deleteExecution"
>;

/** How long a stop waits for the turn's end before it answers with what is known. */
const STOP_WAIT_MS = 5_000;

export function readExecutions(context: GatewayContext): Executions {
  const { executions, conversations } = context;

  async function find(caller: Caller, executionId: string): Promise<Execution> {
    const execution = await executions.find(caller.organizationId, executionId);
    if (execution === null || !(await maySee(caller, execution))) throw new GatewayError("not_found");
    return execution;
  }

  /** A child is seen by whoever may use its own agent or see the execution that started it. */
  async function maySee(caller: Caller, execution: Execution): Promise<boolean> {
    if (mayUseAgent(caller, execution.agentId)) return true;
    if (execution.parentId === null) return false;
    const parent = await executions.find(caller.organizationId, execution.parentId);
    return parent !== null && maySee(caller, parent);
  }

  /** The log that an execution's facts are in: a sync child's are in its root's. */
  const logOf = (caller: Caller, { conversationId }: Execution) =>
    readLog(context.logs, { organizationId: caller.organizationId, conversationId });

  return {
    async getConversation(caller, conversationId): Promise<ConversationView> {
      const root = await find(caller, conversationId);
      const state = await conversations.runState({ organizationId: caller.organizationId, conversationId });
      if (state === null || root.mode !== "root") throw new GatewayError("not_found");
      const events = await logOf(caller, root);
      const below = await executions.descendants(caller.organizationId, conversationId);
      const children = await Promise.all(
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
        root: { execution: root, thread: threadEntries(root, events), usage: rootUsage },
        children,
        usage: children.reduce((sum, child) => addUsage(sum, child.usage), rootUsage),
      };
    },
    getExecution: find,
    async listExecutions(caller, filter) {
      checkPage(filter, context.limits);
      return executions.list(caller.organizationId, { ...filter, agentIds: caller.agentIds === null ? null : [...caller.agentIds] });
    },
    async getThread(caller, executionId) {
      const execution = await find(caller, executionId);
      return threadMessages(execution, await logOf(caller, execution));
    },
    async getFullThread(caller, executionId) {
      const execution = await find(caller, executionId);
      const threads: Record<string, ReturnType<typeof threadMessages>> = {
        root: threadMessages(execution, await logOf(caller, execution)),
      };
      for (const child of await executions.descendants(caller.organizationId, executionId)) {
        threads[child.id] = threadMessages(child, await logOf(caller, child));
      }
      return threads;
    },
    async stopExecution(caller, executionId) {
      const execution = await find(caller, executionId);
      if (isTerminal(execution.status) || execution.turnId === null) return execution;
      // A sync child is a part of its root's turn: to stop it is to stop that turn.
      const { conversationId } = execution;
      const key = { organizationId: caller.organizationId, conversationId };
      const done = await conversations.stop(key, { turnId: execution.mode === "async" ? null : execution.turnId, clearQueue: false });
      await announceStop(context, key, done);
      if (done.turnId !== null) {
        await awaitTurn(context, caller, {
          conversationId,
          turnId: done.turnId,
          waitMs: STOP_WAIT_MS,
          signal: new AbortController().signal,
        });
      }
      return find(caller, executionId);
    },
    async deleteExecution(caller, executionId) {
      const execution = await find(caller, executionId);
      // A child goes with its conversation, not by itself.
      if (execution.parentId !== null) throw new GatewayError("not_found");
      if (!(await executions.delete(caller.organizationId, executionId))) throw new GatewayError("turn_in_progress");
    },
  };
}

type Event = Awaited<ReturnType<typeof readLog>>[number];
type EndEvent = Extract<Event, { type: "turn.completed" | "turn.failed" | "turn.stopped" }>;
const isEnd = (event: Event): event is EndEvent =>
  event.type === "turn.completed" || event.type === "turn.failed" || event.type === "turn.stopped";
