import type { EventOf, Execution, LogEvent } from "@parley/contracts";
import { NO_USAGE } from "@parley/contracts";

/** A fact of the past may be folded onto the row of a turn that has ended since. */
const NOT_OVER = { result: null, reason: null, refusedBy: null, stoppedByUser: false, usage: NO_USAGE, finishedAt: null } as const;

/** The execution as it is after the event. A fact about another execution leaves it as it was. */
export function foldExecution(execution: Execution, event: LogEvent): Execution {
  if (event.executionId !== execution.id) return execution;
  const updatedAt = event.at;
  switch (event.type) {
    case "turn.created":
      return {
        ...execution,
        ...NOT_OVER,
        updatedAt,
        status: "pending",
        // The row may be of this very turn already.
        turnNumber: execution.turnId === event.turnId ? execution.turnNumber : execution.turnNumber + 1,
        turnId: event.turnId,
        input: event.data.input,
        user: event.data.user,
        options: event.data.options,
        title: event.data.options.title ?? execution.title,
        attempt: 0,
        startedAt: null,
      };
    case "turn.started": {
      const { turnNumber, attempt, agentVersion } = event.data;
      return {
        ...execution,
        ...NOT_OVER,
        updatedAt,
        status: "executing",
        turnNumber,
        attempt,
        agentVersion,
        startedAt: execution.startedAt ?? event.at,
      };
    }
    case "attempt.superseded":
      return { ...execution, updatedAt, attempt: event.data.nextAttempt };
    case "turn.paused":
      return { ...execution, ...NOT_OVER, updatedAt, status: "paused", attempt: event.data.attempt ?? execution.attempt };
    case "turn.resumed":
      return { ...execution, ...NOT_OVER, updatedAt, status: "executing", attempt: event.data.attempt ?? execution.attempt };
    case "child.created":
      return { ...execution, updatedAt, childIds: withId(execution.childIds, event.data.childId) };
    case "child.finished":
      return { ...execution, updatedAt, finishedChildIds: withId(execution.finishedChildIds, event.data.childId) };
    case "turn.completed":
      return ended(execution, event, { status: "completed", reason: null, stoppedByUser: false });
    case "turn.failed":
      return ended(execution, event, { status: event.data.status, reason: event.data.reason, stoppedByUser: false });
    case "turn.stopped":
      return ended(execution, event, { status: "stopped", reason: event.data.reason, stoppedByUser: event.data.reason === "user_stop" });
    default:
      return execution;
  }
}

type TurnEnd = EventOf<"turn.completed"> | EventOf<"turn.failed"> | EventOf<"turn.stopped">;

function ended(execution: Execution, event: TurnEnd, outcome: Pick<Execution, "status" | "reason" | "stoppedByUser">): Execution {
  const { turnNumber, result, usage } = event.data;
  const refusedBy = (event.type === "turn.failed" ? event.data.refusedBy : undefined) ?? null;
  return { ...execution, ...outcome, refusedBy, turnNumber, result, usage, updatedAt: event.at, finishedAt: event.at };
}

const withId = (ids: string[], id: string): string[] => (ids.includes(id) ? ids : [...ids, id]);
