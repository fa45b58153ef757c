/** The time and the timers that the domain may use; moved by hand in tests. */
export interface Clock {
  /** Wall time, ms since 1970. */
  now(): number;
  /** Never goes backwards, and goes on while the machine sleeps; ms from an arbitrary start. */
  monotonicMs(): number;
  /** Resolves after `ms`, or at once when the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** What two clocks may differ by between two looks without anything having slept. */
const DRIFT_MS = 200;

/**
 * The system's own monotonic time stands still while the machine is suspended, and a lease that has run out meanwhile would look fresh on waking. The
 * wall clock is put right then: where it is further ahead than the time awake, that much was slept. A jump back counts for nothing.
 */
export function countingSleep(awakeMs: () => number, wallMs: () => number): () => number {
  let sleptMs = 0;
  let last = { awake: awakeMs(), wall: wallMs() };
  return () => {
    const now = { awake: awakeMs(), wall: wallMs() };
    const aheadMs = now.wall - last.wall - (now.awake - last.awake);
    if (aheadMs > DRIFT_MS) sleptMs += aheadMs;
    last = now;
    return now.awake + sleptMs;
  };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicMs: countingSleep(
    () => performance.now(),
    () => Date.now(),
  ),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
};
