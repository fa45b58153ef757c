import type { EventOf, Execution } from "@parley/contracts";
import { NO_USAGE } from "@parley/contracts";

/** A child's row as it is born: what the event says, and what a child has from its root. */
export function bornChild(root: Execution, event: EventOf<"child.created">): Execution {
  const { childId, agentId, agentVersion, mode, query } = event.data;
  return {
    id: childId,
    organizationId: root.organizationId,
    conversationId: root.conversationId,
    agentId,
    agentVersion,
    parentId: event.executionId,
    mode,
    status: "pending",
    input: { text: query, files: [] },
    user: root.user,
    options: {},
    result: null,
    reason: null,
    refusedBy: null,
    title: null,
    turnId: event.turnId,
    turnNumber: root.turnNumber,
    attempt: 1,
    stoppedByUser: false,
    usage: NO_USAGE,
    childIds: [],
    finishedChildIds: [],
    createdAt: event.at,
    startedAt: null,
    finishedAt: null,
    updatedAt: event.at,
  };
}

/** A background child's row while it waits for a person. */
export function pausedChild(root: Execution, child: Execution | undefined, event: EventOf<"child.paused">): Execution {
  const { childId, agentId } = event.data;
  const born =
    child ??
    bornChild(root, {
      ...event,
      type: "child.created",
      data: { childId, agentId, mode: "async", agentVersion: 0, agentName: "", query: "" },
    });
  return { ...born, status: "paused", updatedAt: event.at };
}

/**
 * A child's row as it ends. `child` is what the stream knew of it; without it its query and its time of birth are not
 * known here.
 */
export function finishedChild(root: Execution, child: Execution | undefined, event: EventOf<"child.finished">): Execution {
  const { childId, agentId, mode, status, result, reason, usage } = event.data;
  const born =
    child ?? bornChild(root, { ...event, type: "child.created", data: { ...event.data, agentVersion: 0, agentName: "", query: "" } });
  const stoppedByUser = reason === "user_stop";
  return { ...born, id: childId, agentId, mode, status, result, reason, usage, stoppedByUser, finishedAt: event.at, updatedAt: event.at };
}
