import { JOBS, type JobName, type QueueName } from "@parley/contracts";
import type { Log } from "@parley/domain";
import type { RedisAddress } from "@parley/redis";
import type { JobHandlers, JobMetrics } from "./job-handlers.ts";
import { createProcessor } from "./run-job.ts";
import { createRunningJobs } from "./running-jobs.ts";
import { serveQueue } from "./serve-queue.ts";
import { createHeldPlaces, type HeldPlaces } from "./share/held-places.ts";
import type { Places } from "./share/places.ts";
import { within } from "./within.ts";

export interface JobWorkerOptions extends RedisAddress {
  /** The prefix of the `JobQueue` that gives the orders. */
  prefix: string;
  queues: readonly QueueName[];
  /** Who is told which places in the queues are held here, and which are free again: the `JobQueue` that gives the orders. */
  places: Places;
  /** Jobs at a time, for each queue, and fewer while more are of no use. */
  concurrency: number;
  /** How many of the jobs stand in line for something in this process; none when absent. */
  waiting?: () => number;
  /** Needs a handler for every job of every queue in `queues`. */
  handlers: JobHandlers;
  log: Log;
  metrics?: JobMetrics;
  /** A handler's signal is aborted after this long. Longer than the longest turn. */
  timeoutMs: number;
  /** How long a handler may go on after its signal was aborted. */
  abandonMs?: number;
  disconnectedMsMax?: number;
  /**
   * Whether losing BullMQ's lock, as after a FLUSHALL, aborts the job's signal with `lease_lost`. A handler whose right to
   * act is a lease in Postgres can go on without it. True when absent.
   */
  abortOnLostLock?: boolean;
}

export interface JobWorker {
  start(): void;
  /** Takes no further jobs until `start`; what runs goes on. */
  pause(): Promise<void>;
  /**
   * Takes no further jobs, lets the running ones finish for `graceMs`, then aborts their signals with `shutdown`, and ends
   * the connections at the latest `abandonMs` plus a few seconds later, whatever the handlers do. Never throws.
   */
  close(graceMs: number): Promise<void>;
}

const REPORT_MS = 2_000;

export function createJobWorker(options: JobWorkerOptions): JobWorker {
  const { prefix, queues, concurrency, handlers, log, metrics, timeoutMs } = options;
  const { abandonMs = 5_000, disconnectedMsMax = 15_000, abortOnLostLock = true, waiting = () => 0 } = options;
  requireHandlers(queues, handlers);
  const runs = createRunningJobs({ abandonMs });
  const inHand = (): number => [...held.values()].reduce((sum, places) => sum + places.running(), 0);
  const inLine = (): number => waiting() / Math.max(1, inHand());
  const held: Map<QueueName, HeldPlaces> = new Map(
    queues.map((queue) => [queue, createHeldPlaces({ queue, slots: concurrency, inLine, places: options.places })]),
  );
  const served = [...held].map(([queue, places]) =>
    serveQueue({
      queue,
      address: options,
      prefix,
      concurrency,
      processor: createProcessor({ queue, handlers, runs, places, timeoutMs, log, metrics }),
      disconnectedMsMax,
      onLockLost: (jobId) => {
        if (abortOnLostLock) runs.abort(`${queue}/${jobId}`, "lease_lost");
      },
      log,
      metrics,
    }),
  );
  let closing: Promise<void> | undefined;

  async function close(graceMs: number): Promise<void> {
    for (const places of held.values()) places.retire();
    runs.refuse();
    await end(graceMs);
    await Promise.all([...held.values()].map((places) => places.close()));
  }

  async function end(graceMs: number): Promise<void> {
    const drained = Promise.all([...served.map((queue) => queue.drain()), runs.idle()]);
    if (await within(graceMs, drained)) return;
    runs.abortAll("shutdown");
    if (await within(abandonMs + REPORT_MS, drained)) return;
    log.warn({}, "the worker's connections are ended with jobs still running or unreported");
    for (const queue of served) queue.disconnect();
  }

  return {
    start() {
      for (const queue of served) queue.start();
      for (const places of held.values()) places.open();
    },
    async pause() {
      await Promise.all(served.map((queue) => queue.pause()));
    },
    close: (graceMs) => (closing ??= close(graceMs)),
  };
}

function requireHandlers(queues: readonly QueueName[], handlers: JobHandlers): void {
  const missing = (Object.keys(JOBS) as JobName[]).filter((name) => queues.includes(JOBS[name].queue) && !handlers[name]);
  if (missing.length > 0) throw new Error(`No handler for ${missing.join(", ")}.`);
}
