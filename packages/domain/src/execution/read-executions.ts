import {
  addUsage,
  type ConversationView,
  type Execution,
  type ExecutionView,
  type FullThread,
  GatewayError,
  type LogEvent,
} from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import type { LogPart } from "../log/log-store.ts";
import { findExecution } from "./find-execution.ts";
import { readPart, turnsIn } from "./read-part.ts";
import { threadEntries, threadMessages } from "./thread.ts";

type Executions = Pick<Gateway, "getConversation" | "getExecution" | "listExecutions" | "getThread" | "getFullThread">;
type IsShown = (of: { turnId: string | null }) => boolean;

export function readExecutions(context: GatewayContext): Executions {
  const { executions, conversations, limits } = context;

  const find = (caller: Caller, executionId: string) => findExecution(context, caller, executionId);

  /** Whether something of a part's turns belongs to a branch: the current one for null. */
  async function branchOf({ organizationId, conversationId }: Execution, part: LogPart, branch: number | null): Promise<IsShown> {
    const turnIds = [...new Set(part.events.flatMap(({ turnId }) => turnId ?? []))];
    const hidden = await conversations.hiddenTurns({ organizationId, conversationId }, branch, turnIds);
    if (hidden === null) throw new GatewayError("not_found");
    const gone = new Set(hidden);
    return ({ turnId }) => turnId === null || !gone.has(turnId);
  }

  /** The children of a part's turns, and what each log of their own was about lately: as a rule all of it. */
  async function childrenIn(execution: Execution, part: LogPart, isShown: IsShown) {
    const turnIds = turnsIn(execution, part).filter((turnId) => isShown({ turnId }));
    const { children, leftOut } = await executions.below(execution.organizationId, execution.id, {
      turnIds,
      childrenMax: limits.threadChildrenMax,
    });
    const parts = new Map([[execution.conversationId, part]]);
    for (const child of children) {
      // One after the other: what a caller waits for here must not take every connection.
      if (child.mode === "async") parts.set(child.conversationId, await readPart(context, child, { turnsMax: 1 }));
    }
    return { children, leftOut, partOf: ({ conversationId }: Execution) => parts.get(conversationId) ?? { events: [], older: null } };
  }

  return {
    async getConversation(caller, { conversationId, branch, before }): Promise<ConversationView> {
      const root = await find(caller, conversationId);
      const state = await conversations.runState({ organizationId: caller.organizationId, conversationId });
      if (state === null || root.mode !== "root") throw new GatewayError("not_found");
      const part = await readPart(context, root, { before });
      const isShown = await branchOf(root, part, branch ?? null);
      const { children, leftOut, partOf } = await childrenIn(root, part, isShown);
      // What was cut off was used, too.
      const usage = await executions.usage(caller.organizationId, conversationId);
      return {
        conversationId,
        version: state.version,
        branch: branch ?? state.branch,
        root: {
          execution: withTools(root, part.events),
          thread: threadEntries(root, part.events.filter(isShown)),
          older: part.older,
          usage: usage.root,
        },
        children: children.map((child): ExecutionView => {
          const { events, older } = partOf(child);
          return {
            execution: withTools(child, events),
            thread: threadEntries(child, events),
            older: child.mode === "async" ? older : null,
            usage: child.usage,
          };
        }),
        childrenLeftOut: leftOut,
        usage: addUsage(usage.root, usage.below),
      };
    },
    async getExecution(caller, executionId) {
      const execution = await find(caller, executionId);
      return { ...execution, usedTools: await executions.usedTools(caller.organizationId, executionId) };
    },
    async listExecutions(caller, filter) {
      checkPage(filter, limits);
      return executions.list(caller.organizationId, { ...filter, agentIds: caller.agentIds === null ? null : [...caller.agentIds] });
    },
    async getThread(caller, { executionId, before }) {
      const execution = await find(caller, executionId);
      const part = await readPart(context, execution, { before });
      const isShown = await branchOf(execution, part, null);
      return { messages: threadMessages(execution, part.events.filter(isShown)), older: part.older };
    },
    async getFullThread(caller, { executionId, before }): Promise<FullThread> {
      const execution = await find(caller, executionId);
      const part = await readPart(context, execution, { before });
      const isShown = await branchOf(execution, part, null);
      const { children, leftOut, partOf } = await childrenIn(execution, part, isShown);
      const threadOf = (child: Execution, events: LogEvent[]) => [child.id, threadMessages(child, events)] as const;
      return {
        threads: {
          root: threadMessages(execution, part.events.filter(isShown)),
          ...Object.fromEntries(children.map((child) => threadOf(child, partOf(child).events))),
        },
        older: part.older,
        childrenLeftOut: leftOut,
      };
    },
  };
}

/** The execution with the tools of its newest turn: the last that begins in the events, or the one that a sync child is within. */
function withTools(execution: Execution, events: LogEvent[]): Execution {
  const own = events.filter(({ executionId }) => executionId === execution.id);
  const newest = own.findLast(({ type }) => type === "turn.created")?.turnId ?? execution.turnId;
  const tools = own.flatMap((event) => (event.type === "tool.called" && event.turnId === newest ? [event.data.tool] : []));
  return { ...execution, usedTools: [...new Set(tools)].sort() };
}
