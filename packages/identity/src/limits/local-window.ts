interface LocalWindowOptions {
  callsMax: number;
  windowMs: number;
  /** ms of a clock that never goes back. */
  now?: () => number;
}

/** Keys are looked through for forgotten ones when there are so many more. */
const LOOK_EVERY = 1_000;

/** Counts so many calls under a key, all or none. Answers 0, or in how many ms there is room for them. */
export type LocalWindow = (key: string, calls: number) => number;

/** A sliding window for each key, in this process. */
export function createLocalWindow({ callsMax, windowMs, now = () => performance.now() }: LocalWindowOptions): LocalWindow {
  /** When each call of the window was made, oldest first. */
  const made = new Map<string, number[]>();
  let lookAt = LOOK_EVERY;

  function forgetSilent(since: number): void {
    for (const [key, times] of made) if ((times.at(-1) ?? 0) <= since) made.delete(key);
    lookAt = made.size + LOOK_EVERY;
  }

  return (key, calls) => {
    const at = now();
    if (made.size >= lookAt) forgetSilent(at - windowMs);
    const times = (made.get(key) ?? []).filter((time) => time > at - windowMs);
    const excess = times.length + calls - callsMax;
    // What the window never has room for may be tried again when it is empty.
    if (excess > 0) return Math.max(1, (times[Math.min(excess, times.length) - 1] ?? at) + windowMs - at);
    for (let count = 0; count < calls; count++) times.push(at);
    made.set(key, times);
    return 0;
  };
}
