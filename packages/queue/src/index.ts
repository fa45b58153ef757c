export type { JobContext, JobHandlers, JobMetrics, JobOutcome } from "./job-handlers.ts";
export { createJobQueue, type JobQueueOptions, type QueueCounts, type RedisJobQueue } from "./job-queue.ts";
export { createJobWorker, type JobWorker, type JobWorkerOptions } from "./job-worker.ts";
export type { AbortReason } from "./running-jobs.ts";
export { workerSettings } from "./settings.ts";
