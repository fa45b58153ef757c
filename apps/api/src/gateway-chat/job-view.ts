import type { Card, Execution, Limits } from "@parley/contracts";
import { questionsIn } from "../turn/questions-in.ts";
import { type JobPlace, jobIdOf } from "./job-id.ts";

const STATES: Record<Execution["status"], "queued" | "running" | "completed" | "failed"> = {
  ...{ pending: "queued", executing: "running", paused: "running", completed: "completed" },
  ...{ failed: "failed", error: "failed", stopped: "failed" },
};

/** A chat's turn, as clients of the older gateway know jobs. What waits for its user tells in its result what it asks. */
export function jobView(place: JobPlace, execution: Execution, { cards, limits }: { cards: Card[]; limits: Limits }) {
  const { agentId, status, user, attempt, createdAt, startedAt, finishedAt, reason, result, usage, input, refusedBy } = execution;
  const { inputTokens, outputTokens, estimated } = usage;
  const reply = status === "paused" ? questionsIn(cards) : status === "completed" ? (result ?? "") : null;
  return {
    ...{ id: jobIdOf(place), userId: user?.id ?? null, agentId, lane: "runtime_exec", jobType: "chat", status: STATES[status] },
    ...{ priority: 0, attempts: attempt, maxAttempts: limits.attemptsPerTurnMax, runAt: startedAt ?? createdAt, lockedAt: startedAt },
    ...{ startedAt, completedAt: finishedAt, error: STATES[status] === "failed" ? (reason ?? status) : null },
    ...(refusedBy && { refusedBy }),
    result: reply === null ? null : { reply, status, usage: { input: inputTokens, output: outputTokens, estimated } },
    payload: { message: input.text, conversationId: place.conversationId, turnId: place.turnId },
  };
}
