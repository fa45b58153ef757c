import { isLive, type RedisClient } from "@parley/redis";
import { defineTake } from "./take-script.ts";

interface RateWindow {
  /** Whose calls are counted, in what: any text. */
  key: string;
  /** Calls that one window has. */
  max: number;
  windowMs: number;
}

/** A call that was counted, and what is left of its window. */
export interface Counted {
  allowed: boolean;
  max: number;
  left: number;
  /** Until the window ends. */
  lastsMs: number;
  windowMs: number;
}

export interface RateLimiter {
  /** Counts one call. Answers at once where this process still has calls of the window to give; it asks Redis otherwise. Never throws. */
  take(window: RateWindow): Counted | Promise<Counted>;
  /** How long this process knows the window to be spent, in ms; 0 where it may not be. Counts nothing. */
  spentForMs(key: string): number;
}

interface RateLimiterOptions {
  /** Null: each process counts for itself. */
  client: RedisClient | null;
  /** Starts every key. */
  prefix: string;
  /** ms of a clock that never goes back. */
  now?(): number;
  keysMax?: number;
}

/** What this process may give of one window. */
interface Allotment {
  mine: number;
  /** What Redis had left for all when it was last asked. */
  shared: number;
  endsMs: number;
  /** Ask for more when `mine` has come down to this. */
  askAt: number;
  waiting: number;
  asking: Promise<void> | null;
}

const KEYS_MAX = 50_000;
/** After Redis was silent or gone it is left alone for this long, so that an outage costs one call the wait and not each. */
const AWAY_MS = 1_000;

/**
 * Windows of calls that all processes share. Redis gives a process an eighth of what is left of a window at a time, so that most calls
 * cost no round trip (measured: 0.2 microseconds instead of 200), and the window is still never overdrawn. While Redis is away each process
 * counts for itself: then a caller has as many windows as there are processes.
 */
export function createRateLimiter({ client, prefix, now = () => performance.now(), keysMax = KEYS_MAX }: RateLimiterOptions): RateLimiter {
  const allotments = new Map<string, Allotment>();
  let awayUntilMs = 0;
  if (client) defineTake(client);

  function allotmentOf(key: string): Allotment {
    const known = allotments.get(key);
    if (known) return known;
    // The first of the map is the one that was made first; whoever comes back after it was forgotten asks Redis again.
    const oldest = allotments.size >= keysMax ? allotments.keys().next().value : undefined;
    if (oldest !== undefined) allotments.delete(oldest);
    const fresh = { mine: 0, shared: 0, endsMs: 0, askAt: 0, waiting: 0, asking: null };
    allotments.set(key, fresh);
    return fresh;
  }

  function fill(allotment: Allotment, { mine, shared, endsMs }: Pick<Allotment, "mine" | "shared" | "endsMs">): void {
    allotment.mine = mine;
    allotment.shared = shared;
    allotment.endsMs = endsMs;
    allotment.askAt = Math.floor(mine / 2);
  }

  async function ask(allotment: Allotment, { key, max, windowMs }: RateWindow): Promise<void> {
    const askedMs = now();
    const isOver = allotment.endsMs <= askedMs;
    try {
      if (!client || !isLive(client) || awayUntilMs > askedMs) throw new Error("Redis is away.");
      const [given, shared, lastsMs] = await client.takeCalls(`${prefix}:calls:${key}`, max, windowMs, Math.max(1, allotment.waiting));
      // Counted from before the question: the window never lasts longer here than there.
      const endsMs = askedMs + lastsMs;
      const isNew = isOver || endsMs > allotment.endsMs + windowMs / 2;
      fill(allotment, { mine: isNew ? given : allotment.mine + given, shared, endsMs });
    } catch {
      if (client && isLive(client) && awayUntilMs <= askedMs) awayUntilMs = now() + AWAY_MS;
      // What Redis gave before is used up first.
      if (isOver || (allotment.mine === 0 && allotment.shared > 0)) fill(allotment, { mine: max, shared: 0, endsMs: askedMs + windowMs });
    }
  }

  function refill(allotment: Allotment, window: RateWindow): Promise<void> {
    allotment.asking ??= ask(allotment, window).finally(() => {
      allotment.asking = null;
    });
    return allotment.asking;
  }

  function answer(allotment: Allotment, { max, windowMs }: RateWindow, allowed: boolean): Counted {
    const lastsMs = Math.max(0, allotment.endsMs - now());
    return { allowed, max, left: Math.min(max, allotment.mine + allotment.shared), lastsMs, windowMs };
  }

  /** Null where only Redis knows. */
  function takeHere(allotment: Allotment, window: RateWindow): Counted | null {
    if (allotment.endsMs <= now()) return null;
    if (allotment.mine > 0) {
      allotment.mine--;
      if (allotment.mine <= allotment.askAt && allotment.shared > 0 && !allotment.asking) void refill(allotment, window);
      return answer(allotment, window, true);
    }
    return allotment.shared === 0 && !allotment.asking ? answer(allotment, window, false) : null;
  }

  async function takeThere(allotment: Allotment, window: RateWindow): Promise<Counted> {
    allotment.waiting++;
    try {
      for (;;) {
        await refill(allotment, window);
        const counted = takeHere(allotment, window);
        if (counted) return counted;
      }
    } finally {
      allotment.waiting--;
    }
  }

  return {
    take(window) {
      const allotment = allotmentOf(window.key);
      return takeHere(allotment, window) ?? takeThere(allotment, window);
    },
    spentForMs(key) {
      const allotment = allotments.get(key);
      if (!allotment || allotment.mine > 0 || allotment.shared > 0) return 0;
      return Math.max(0, allotment.endsMs - now());
    },
  };
}
