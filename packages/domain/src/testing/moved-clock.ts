import type { Clock } from "../clock.ts";

/** A clock that stands still until it is moved. */
export interface MovedClock extends Clock {
  /** Moves on by `ms`, waking every sleeper on the way in order, and lets what they started go on. */
  move(ms: number): Promise<void>;
  /** Sleepers that wait now. */
  sleepers(): number;
}

export function movedClock(): MovedClock {
  let nowMs = 0;
  let waiting: { atMs: number; wake: () => void }[] = [];
  return {
    now: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const entry = { atMs: nowMs + ms, wake: resolve };
        waiting.push(entry);
        signal?.addEventListener(
          "abort",
          () => {
            waiting = waiting.filter((other) => other !== entry);
            resolve();
          },
          { once: true },
        );
      }),
    async move(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        await settle();
        const [next] = waiting.filter((entry) => entry.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        waiting = waiting.filter((entry) => entry !== next);
        nowMs = Math.max(nowMs, next.atMs);
        next.wake();
      }
      nowMs = untilMs;
    },
    sleepers: () => waiting.length,
  };
}

/** Lets everything that is ready to run do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
