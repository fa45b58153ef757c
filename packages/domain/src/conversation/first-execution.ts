import { type Execution, NO_USAGE } from "@parley/contracts";
import type { NewMessage } from "./conversation-store.ts";

/** The root execution of a conversation that has just been made by its first message: nothing has been done in it. */
export function firstExecution(message: NewMessage, at: string): Execution {
  const { organizationId, conversationId, agentId, agentVersion, text, files, user, options, turnId } = message;
  return {
    id: conversationId,
    organizationId,
    conversationId,
    agentId,
    agentVersion,
    parentId: null,
    mode: "root",
    status: "pending",
    input: { text, files },
    user,
    options,
    result: null,
    reason: null,
    refusedBy: null,
    title: options.title ?? null,
    turnId,
    turnNumber: 1,
    attempt: 0,
    stoppedByUser: false,
    usage: NO_USAGE,
    childIds: [],
    finishedChildIds: [],
    createdAt: at,
    startedAt: null,
    finishedAt: null,
    updatedAt: at,
  };
}
