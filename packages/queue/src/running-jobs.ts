/** Why a handler's signal was aborted; the `message` of the signal's reason, whose `name` is `AbortError`. */
export type AbortReason = "shutdown" | "lease_lost" | "timeout";

export interface Run {
  signal: AbortSignal;
  /** Null until the signal is aborted. */
  aborted(): AbortReason | null;
  abort(reason: AbortReason): void;
  /** Rejects when the handler went on for too long after its signal was aborted; never resolves. */
  abandoned: Promise<never>;
  end(): void;
}

export interface RunningJobs {
  start(jobId: string): Run;
  abort(jobId: string, reason: AbortReason): void;
  abortAll(reason: AbortReason): void;
  /** From now on nothing new may start: this worker closes. */
  refuse(): void;
  isRefusing(): boolean;
  /** Resolves once nothing runs. */
  idle(): Promise<void>;
}

/** What this process works on. A job's handler has `abandonMs` to end after an abort; then its slot is given to another. */
export function createRunningJobs({ abandonMs }: { abandonMs: number }): RunningJobs {
  const runs = new Map<string, Set<Run>>();
  let waiting: (() => void)[] = [];
  let refusing = false;

  const remove = (jobId: string, run: Run): void => {
    const same = runs.get(jobId);
    if (!same?.delete(run)) return;
    if (same.size === 0) runs.delete(jobId);
    if (runs.size > 0) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };

  return {
    start(jobId) {
      const controller = new AbortController();
      const abandoned = Promise.withResolvers<never>();
      // Nobody may be listening: the handler mostly ends in time.
      abandoned.promise.catch(() => undefined);
      let reason: AbortReason | null = null;
      let timer: NodeJS.Timeout | undefined;
      const run: Run = {
        signal: controller.signal,
        aborted: () => reason,
        abandoned: abandoned.promise,
        abort(because) {
          if (reason !== null) return;
          reason = because;
          timer = setTimeout(() => abandoned.reject(abortError(because)), abandonMs);
          controller.abort(abortError(because));
        },
        end() {
          clearTimeout(timer);
          remove(jobId, run);
        },
      };
      // One id may run twice: BullMQ hands a job out again once its lock is gone. Which run counts is the lease's to say.
      runs.set(jobId, (runs.get(jobId) ?? new Set()).add(run));
      return run;
    },
    abort(jobId, reason) {
      for (const run of runs.get(jobId) ?? []) run.abort(reason);
    },
    abortAll(reason) {
      for (const same of [...runs.values()]) for (const run of same) run.abort(reason);
    },
    refuse() {
      refusing = true;
    },
    isRefusing: () => refusing,
    idle: () => (runs.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}

const abortError = (reason: AbortReason): Error => Object.assign(new Error(reason), { name: "AbortError" });
