import type { Cursor, Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import { Follower } from "./follower.ts";
import type { LiveTail } from "./live-tail.ts";
import type { LogStore } from "./log-store.ts";

/** How often the heads of all attached conversations are compared with what their readers have. */
const HEADS_MS = 3_000;
/** Conversations asked about in one statement. */
const HEADS_MAX = 2_000;

interface Ports {
  tail: LiveTail;
  logs: LogStore;
  clock: Clock;
  log: Log;
  limits: Pick<Limits, "streamMs" | "streamBufferEventsMax">;
}

/** The readers attached to this process. */
export interface Followers {
  /** Subscribes first, so that whatever is read or written afterwards cannot slip through. */
  open(key: { organizationId: string; conversationId: string }, position: Cursor, signal: AbortSignal): Promise<Follower>;
  /** Finds lost publishes and ends streams whose lifetime is over, until the signal aborts. */
  watch(signal: AbortSignal): Promise<void>;
  count(): number;
}

export function createFollowers({ tail, logs, clock, log, limits }: Ports): Followers {
  const followers = new Set<Follower>();

  async function checkHeads(): Promise<void> {
    const now = clock.monotonicMs();
    const byConversation = new Map<string, Follower[]>();
    for (const follower of followers) {
      if (follower.endsAtMs <= now) {
        follower.close();
        continue;
      }
      const others = byConversation.get(follower.conversationId);
      if (others === undefined) byConversation.set(follower.conversationId, [follower]);
      else others.push(follower);
    }
    const keys = [...byConversation.values()].flatMap(([follower]) => follower ?? []);
    for (let from = 0; from < keys.length; from += HEADS_MAX) {
      const page = keys.slice(from, from + HEADS_MAX);
      const heads = await logs.heads(page);
      for (const { conversationId } of page) {
        const head = heads.get(conversationId);
        for (const follower of byConversation.get(conversationId) ?? []) {
          // A conversation without a head was deleted: reading it again says so.
          if (head === undefined) follower.push(null);
          else follower.mustReach(head);
        }
      }
    }
  }

  return {
    async open(key, position, signal) {
      const follower = new Follower(key, position, {
        endsAtMs: clock.monotonicMs() + limits.streamMs,
        bufferMax: limits.streamBufferEventsMax,
      });
      const unsubscribe = await tail.subscribe(key.conversationId, (events) => follower.push(events));
      followers.add(follower);
      follower.onClose = () => {
        followers.delete(follower);
        signal.removeEventListener("abort", onAbort);
        unsubscribe();
      };
      const onAbort = () => follower.close();
      signal.addEventListener("abort", onAbort, { once: true });
      if (signal.aborted) follower.close();
      return follower;
    },
    async watch(signal) {
      while (!signal.aborted) {
        await clock.sleep(HEADS_MS, signal);
        if (followers.size > 0) await checkHeads().catch((error: unknown) => log.warn({ err: error }, "heads not checked"));
      }
    },
    count: () => followers.size,
  };
}
