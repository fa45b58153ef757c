import type { Clock } from "../clock.ts";
import type { LiveTail } from "../log/live-tail.ts";
import type { Log } from "../logger.ts";
import type { ActivityStore } from "./activity-store.ts";

/** How often the newest numbers of all organizations that are followed here are compared with what their readers have. */
const HEADS_MS = 2_000;

/** The tail is told of an organization under a key of its own: there is nothing in it, the rows are what counts. */
const keyOf = (organizationId: string): string => `activity:${organizationId}`;

/** Wakes whoever follows these organizations. Never throws: who is not woken looks by itself. */
export function tellActivity(tail: Pick<LiveTail, "publish">, organizationIds: readonly string[]): void {
  for (const organizationId of organizationIds) tail.publish({ conversationId: keyOf(organizationId), events: [] });
}

/** One reader's ear. */
export interface ActivityEar {
  /** Resolves when there may be more than this number. False: the following is over. */
  waitBeyond(position: number): Promise<boolean>;
  close(): void;
}

interface Reader {
  organizationId: string;
  position: number;
  endsAtMs: number;
  wake(): void;
  close(): void;
}

export interface ActivityNews {
  /** Listens first, so that whatever is written after it was read cannot slip through. Ends with the signal, or after `lifeMs`. */
  open(organizationId: string, signal: AbortSignal): Promise<ActivityEar>;
  /** Finds what nobody was told of, until the signal aborts. */
  watch(signal: AbortSignal): Promise<void>;
}

interface Ports {
  activity: Pick<ActivityStore, "heads">;
  tail: Pick<LiveTail, "subscribe">;
  clock: Clock;
  log: Log;
  limits: { streamMs: number };
}

/** Who in this process waits for news of which organization. */
export function createActivityNews({ activity, tail, clock, log, limits }: Ports): ActivityNews {
  const readers = new Set<Reader>();

  async function look(): Promise<void> {
    for (const reader of readers) if (reader.endsAtMs <= clock.monotonicMs()) reader.close();
    if (readers.size === 0) return;
    const heads = await activity.heads([...new Set([...readers].map(({ organizationId }) => organizationId))]);
    for (const reader of readers) if ((heads.get(reader.organizationId) ?? 0) > reader.position) reader.wake();
  }

  return {
    async open(organizationId, signal) {
      let isOver = signal.aborted;
      let isTold = false;
      let resolve: (() => void) | undefined;
      const wake = (): void => {
        isTold = true;
        resolve?.();
      };
      const unsubscribe = await tail.subscribe(keyOf(organizationId), wake);
      const close = (): void => {
        isOver = true;
        readers.delete(reader);
        signal.removeEventListener("abort", close);
        unsubscribe();
        resolve?.();
      };
      const endsAtMs = clock.monotonicMs() + limits.streamMs;
      const reader: Reader = { organizationId, position: Number.MAX_SAFE_INTEGER, endsAtMs, wake, close };
      readers.add(reader);
      signal.addEventListener("abort", close, { once: true });
      if (signal.aborted) close();
      return {
        async waitBeyond(position) {
          reader.position = position;
          if (!isTold && !isOver) {
            await new Promise<void>((settle) => {
              resolve = settle;
            });
          }
          resolve = undefined;
          isTold = false;
          return !isOver;
        },
        close,
      };
    },
    async watch(signal) {
      while (!signal.aborted) {
        await clock.sleep(HEADS_MS, signal);
        await look().catch((error: unknown) => log.warn({ err: error }, "activity not looked after"));
      }
    },
  };
}
