import type { QueueName } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { connectRedis, endConnection, isLive, type RedisAddress, watchConnection } from "@parley/redis";
import { Worker } from "bullmq";
import type { JobMetrics } from "./job-handlers.ts";
import { queuePrefix } from "./queue-prefix.ts";
import type { Processor } from "./run-job.ts";

export interface ServedQueue {
  /** Takes jobs from now on. */
  start(): void;
  /** Takes no further jobs; at most one whose fetching is under way still comes. */
  pause(): Promise<void>;
  /** Takes no further jobs and resolves when the running ones are over and reported. */
  drain(): Promise<void>;
  /** Ends the connections, whatever still runs. */
  disconnect(): void;
}

interface ServeQueueOptions {
  queue: QueueName;
  address: RedisAddress;
  prefix: string;
  concurrency: number;
  processor: Processor;
  /** Without its connections for longer than this, the BullMQ worker is replaced by a new one. */
  disconnectedMsMax: number;
  onLockLost(jobId: string): void;
  log: Log;
  metrics: JobMetrics | undefined;
}

interface Serving {
  worker: Worker;
  isHealthy(): boolean;
  /** Ends the connections, whatever still runs. */
  disconnect(): void;
  /** Closes the worker without a word to Redis. A proper close would wait for the connection to come back. */
  discard(): Promise<void>;
}

const LOCK_MS = 30_000;
const STALLED_CHECK_MS = 30_000;
/** Deploys and crashes are not the job's fault: they must not use it up. */
const STALLED_MAX = 10;
/** Ends a job that kills every worker that takes it. Above `STALLED_MAX` and any row's attempts. */
const STARTED_ATTEMPTS_MAX = 30;
const GIVEN_UP = /more than allowable limit/;
/** Pause after a failed read. BullMQ's own 15 s would be the time to recover from a blink of Redis. */
const READ_RETRY_MS = 500;

/**
 * One queue's BullMQ worker. The driver reconnects by itself; a worker that stays without its connections all the same is
 * replaced, because one that came back only half would sit idle for ever.
 */
export function serveQueue({
  queue,
  address,
  prefix,
  concurrency,
  processor,
  disconnectedMsMax,
  onLockLost,
  log,
  metrics,
}: ServeQueueOptions): ServedQueue {
  let serving = open();
  let started = false;
  let isPaused = false;
  let healthyAt = performance.now();

  const watchdog = setInterval(
    () => {
      if (serving.isHealthy()) healthyAt = performance.now();
      else if (started && performance.now() - healthyAt > disconnectedMsMax) replace();
    },
    Math.min(1_000, disconnectedMsMax / 4),
  );
  watchdog.unref();

  function open(): Serving {
    const connection = connectRedis(address, { role: "worker", name: `${prefix}:${queue}` });
    watchConnection(connection, log.child({ queue, connection: "jobs" }));
    const worker = new Worker(queue, processor, {
      connection,
      prefix: queuePrefix(prefix, queue),
      concurrency,
      autorun: false,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: STALLED_MAX,
      maxStartedAttempts: STARTED_ATTEMPTS_MAX,
      runRetryDelay: READ_RETRY_MS,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    worker.on("error", (error) => log.debug({ queue, error }, "the worker reported an error"));
    worker.on("lockRenewalFailed", (jobIds: string[]) => {
      log.warn({ queue, jobIds }, "locks were lost: other workers may take the jobs too");
      jobIds.forEach(onLockLost);
    });
    worker.on("stalled", (jobId) => {
      log.warn({ queue, jobId }, "a job lost its worker and waits again");
      metrics?.jobStalled({ queue });
    });
    worker.on("failed", (job, error) => {
      // The processor reports its own failures; these end a job without asking it.
      if (GIVEN_UP.test(error.message)) log.error({ queue, jobId: job?.id, error }, "a job was given up");
    });
    let blocking: Parameters<typeof endConnection>[0] | undefined;
    worker.backend.blockingClient?.then(
      (client) => (blocking = client),
      () => undefined,
    );
    const disconnect = (): void => {
      if (blocking) endConnection(blocking);
      endConnection(connection);
    };
    return {
      worker,
      isHealthy: () => isLive(connection) && blocking !== undefined && isLive(blocking),
      disconnect,
      async discard() {
        const closed = worker.close(true);
        disconnect();
        await closed;
      },
    };
  }

  function run(): void {
    serving.worker.run().catch((error: unknown) => log.error({ queue, error }, "the worker's loop ended"));
  }

  function replace(): void {
    const old = serving;
    log.warn({ queue, disconnectedMs: performance.now() - healthyAt }, "the worker is without Redis; starting a new one");
    metrics?.workerRecreated({ queue });
    healthyAt = performance.now();
    serving = open();
    if (!isPaused) run();
    // What the old one runs goes on and is waited for at the end; only its reports to BullMQ are lost.
    old.discard().catch((error: unknown) => log.debug({ queue, error }, "the old worker did not close"));
  }

  return {
    start() {
      if (isPaused) void serving.worker.resume();
      else if (!started) run();
      started = true;
      isPaused = false;
    },
    async pause() {
      isPaused = true;
      const { worker, isHealthy } = serving;
      await worker.pause(true);
      if (!isHealthy()) return;
      // A wait for the next job goes on in Redis, up to five seconds, and would take a job that another worker is there for.
      await worker.backend.disconnectBlocking();
      await worker.backend.reconnectBlocking();
    },
    async drain() {
      clearInterval(watchdog);
      if (!serving.isHealthy()) return serving.discard();
      await serving.worker.close();
      serving.disconnect();
    },
    disconnect: () => serving.disconnect(),
  };
}
