import type { JobName, JobPayload } from "@parley/contracts";
import type { Log } from "@parley/domain";

export interface JobContext {
  /** Aborted on shutdown, when the job's lock is lost and when its time is up; the reason's `message` is an `AbortReason`. */
  signal: AbortSignal;
  /** Carries the job's name, id, attempt and payload. */
  log: Log;
}

/**
 * A `GatewayError` that may not be retried ends the job; any other error leads to the next attempt. A handler that throws
 * after an abort for shutdown gives its job back, and another worker takes it at once.
 */
export type JobHandlers = { [Name in JobName]?: (payload: JobPayload<Name>, context: JobContext) => Promise<void> };

/** `retried`: failed, another attempt follows. `returned`: given back unfinished, because this worker stops. */
export type JobOutcome = "completed" | "retried" | "failed" | "returned";

export interface JobMetrics {
  /** `waitedMs` is the time in the queue, known for first attempts only. */
  jobFinished(fields: { queue: string; name: string; outcome: JobOutcome; durationMs: number; waitedMs: number | null }): void;
  /** A worker died or froze with a job in its hands, and another one may have it now. */
  jobStalled(fields: { queue: string }): void;
  workerRecreated(fields: { queue: string }): void;
}
