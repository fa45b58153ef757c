import { ERRORS, isGatewayError, JOBS, type JobName, type JobPayload, type QueueName } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { type Job, UnrecoverableError, WaitingError } from "bullmq";
import type { JobHandlers, JobMetrics, JobOutcome } from "./job-handlers.ts";
import type { Run, RunningJobs } from "./running-jobs.ts";
import type { HeldPlaces } from "./share/held-places.ts";

interface RunJobOptions {
  queue: QueueName;
  handlers: JobHandlers;
  runs: RunningJobs;
  places: HeldPlaces;
  timeoutMs: number;
  log: Log;
  metrics: JobMetrics | undefined;
}

export type Processor = (job: Job, token: string | undefined, signal: AbortSignal | undefined) => Promise<void>;

/** What BullMQ calls for every job of a queue. */
export function createProcessor({ queue, handlers, runs, places, timeoutMs, log, metrics }: RunJobOptions): Processor {
  // BullMQ makes a signal only for a function that names all three parameters.
  return async (job, token, signal) => {
    // A read that was under way when the worker began to close may still bring a job.
    if (runs.isRefusing()) {
      await giveBack(job, token);
      throw new WaitingError();
    }
    const started = performance.now();
    const run = runs.start(`${queue}/${job.id}`);
    const endPlace = places.begin(job.data);
    const onAbort = (): void => run.abort("lease_lost");
    signal?.addEventListener("abort", onAbort);
    const timer = setTimeout(() => run.abort("timeout"), timeoutMs);
    const jobLog = log.child({ ...ids(job.data), queue, job: job.name, jobId: job.id, attempt: job.attemptsMade + 1 });
    let outcome: JobOutcome = "completed";
    try {
      await Promise.race([handle(job, handlers, { signal: run.signal, log: jobLog }), run.abandoned]);
    } catch (error) {
      const ending = await conclude(job, token, run, error);
      outcome = ending.outcome;
      jobLog[LEVELS[outcome]]({ error, outcome, durationMs: performance.now() - started }, `job ${outcome}`);
      throw ending.error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      run.end();
      // What is tried again, or was given back, is still in BullMQ.
      endPlace(outcome === "completed" || outcome === "failed");
      const waitedMs = job.attemptsMade === 0 && job.processedOn !== undefined ? Math.max(0, job.processedOn - job.timestamp) : null;
      metrics?.jobFinished({ queue, name: job.name, outcome, durationMs: performance.now() - started, waitedMs });
    }
  };
}

const LEVELS = { completed: "debug", returned: "info", retried: "warn", failed: "error" } as const satisfies Record<JobOutcome, keyof Log>;

async function handle(job: Job, handlers: JobHandlers, context: { signal: AbortSignal; log: Log }): Promise<void> {
  if (!isJobName(job.name)) throw new UnrecoverableError(`There is no job named ${job.name}.`);
  await call(job.name, job.data, handlers, context);
}

async function call<Name extends JobName>(
  name: Name,
  data: unknown,
  handlers: JobHandlers,
  context: { signal: AbortSignal; log: Log },
): Promise<void> {
  const handler = handlers[name];
  if (!handler) throw new UnrecoverableError(`This worker does not handle ${name}.`);
  const parsed = JOBS[name].payload.safeParse(data);
  if (!parsed.success) throw new UnrecoverableError(`The payload of ${name} does not fit: ${parsed.error.message}`);
  await handler(parsed.data as JobPayload<Name>, context);
}

/** What BullMQ is to be told about a job that did not complete. */
async function conclude(job: Job, token: string | undefined, run: Run, error: unknown): Promise<{ outcome: JobOutcome; error: unknown }> {
  if (run.aborted() === "shutdown" && (await giveBack(job, token))) return { outcome: "returned", error: new WaitingError() };
  if (error instanceof UnrecoverableError) return { outcome: "failed", error };
  if (isGatewayError(error) && !ERRORS[error.code].retry) return { outcome: "failed", error: new UnrecoverableError(error.code) };
  const isLast = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  return { outcome: isLast ? "failed" : "retried", error };
}

/** Back to the head of the queue, without counting as an attempt. False where Redis did not take it: then its lock runs out. */
async function giveBack(job: Job, token: string | undefined): Promise<boolean> {
  if (token === undefined) return false;
  return job.moveToWait(token).then(
    () => true,
    () => false,
  );
}

const isJobName = (name: string): name is JobName => Object.hasOwn(JOBS, name);

/** Payloads hold ids only, so they may stand in the log whole. */
const ids = (data: unknown): object => (typeof data === "object" && data !== null ? data : {});
