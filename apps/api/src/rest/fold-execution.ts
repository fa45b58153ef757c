import type { EventOf, Execution, LogEvent } from "@parley/contracts";
import { NO_USAGE } from "@parley/contracts";

/** The execution as it is after the event. A fact about another execution leaves it as it was. */
export function foldExecution(execution: Execution, event: LogEvent): Execution {
  if (event.executionId !== execution.id) return execution;
  const updatedAt = event.at;
  switch (event.type) {
    case "turn.created":
      return {
        ...execution,
        updatedAt,
        status: "pending",
        turnId: event.turnId,
        input: event.data.input,
        user: event.data.user,
        options: event.data.options,
        title: event.data.options.title ?? execution.title,
        result: null,
        reason: null,
        stoppedByUser: false,
        attempt: 0,
        usage: NO_USAGE,
        startedAt: null,
        finishedAt: null,
      };
    case "turn.started": {
      const { turnNumber, attempt, agentVersion } = event.data;
      return {
        ...execution,
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
      return { ...execution, updatedAt, status: "paused" };
    case "turn.resumed":
      return { ...execution, updatedAt, status: "executing" };
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
  return { ...execution, ...outcome, turnNumber, result, usage, updatedAt: event.at, finishedAt: event.at };
}

const withId = (ids: string[], id: string): string[] => (ids.includes(id) ? ids : [...ids, id]);
