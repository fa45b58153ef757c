import { JOBS, type JobName, newId } from "@parley/contracts";
import type { JobsOptions } from "bullmq";

export function jobOptions(name: JobName, once?: string): JobsOptions {
  const { attempts, backoffMs } = JOBS[name];
  return {
    attempts,
    backoff: { type: "exponential", delay: backoffMs, jitter: 0.5 },
    // A job that is over leaves nothing behind: its row tells the story, and its id would swallow the next order.
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 1,
    // Never a number counted in Redis: after a FLUSHALL it would name another job that still runs.
    jobId: once === undefined ? newId() : onceId(name, once),
  };
}

/** BullMQ refuses ids that hold a colon or nothing but digits. */
const onceId = (name: JobName, once: string): string => `${name}-${once.replaceAll("%", "%25").replaceAll(":", "%3A")}`;
