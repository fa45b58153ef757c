import { compareCursors, GatewayError, type LogEvent } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import { checkKept } from "./check-kept.ts";
import type { Follower } from "./follower.ts";
import type { LiveTail } from "./live-tail.ts";
import type { LogStore } from "./log-store.ts";
import { follows, mergeReplay } from "./merge-replay.ts";

const PAGE_MAX = 500;
/** How often a reader that waits for lost deltas looks for a checkpoint. */
const HOLE_RETRY_MS = 500;
const HOLE_PAUSE_MS = 150;

export interface FollowPorts {
  logs: LogStore;
  tail: LiveTail;
  clock: Clock;
}

/**
 * Every event after the follower's position, once and in order, for ever: first what is kept, then what happens. Durable
 * facts never lack; of the deltas none is given whose predecessor is missing. Ends when the follower is closed.
 */
export async function* followLog(ports: FollowPorts, follower: Follower): AsyncGenerator<LogEvent, void, undefined> {
  let hole = false;
  try {
    for (;;) {
      const woken = await follower.wait(hole ? HOLE_RETRY_MS : undefined);
      if (woken === "closed") return;
      const live = follower.take();
      if (woken === "events" && !hole) {
        const missed = yield* handOn(follower, live);
        if (!missed) continue;
      }
      hole = yield* replay(ports, follower);
      // Not again at every piece of a text that cannot be shown yet.
      if (hole) await ports.clock.sleep(HOLE_PAUSE_MS);
    }
  } finally {
    follower.close();
  }
}

/** Hands live events on as long as they follow one another. True when something is missing before one of them. */
async function* handOn(follower: Follower, events: LogEvent[]): AsyncGenerator<LogEvent, boolean, undefined> {
  for (const event of events) {
    if (compareCursors(event.cursor, follower.position) <= 0) continue;
    if (!follows(follower.position, event)) return true;
    follower.position = event.cursor;
    yield event;
  }
  return false;
}

/** Catches up from the log. True when deltas are still missing at its end. */
async function* replay({ logs, tail }: FollowPorts, follower: Follower): AsyncGenerator<LogEvent, boolean, undefined> {
  const { organizationId, conversationId } = follower;
  for (;;) {
    const after = follower.position;
    const page = await logs.read({ organizationId, conversationId, after, limit: PAGE_MAX });
    if (page === null) throw new GatewayError("not_found");
    checkKept(after, page);
    // Deltas second: every one before the page's head is then there, so none is skipped over by the fact after it. They are
    // kept a while beyond their turn's end, for readers that come late.
    const deltas = await tail.deltasAfter(conversationId, after);
    const last = page.events.at(-1)?.cursor;
    // Those beyond a full page belong to the pages after it.
    const due = page.more && last !== undefined ? deltas.filter((delta) => compareCursors(delta.cursor, last) < 0) : deltas;
    const { events, broken, hole } = mergeReplay(follower, page.events, due, page.more ? null : page.checkpoint);
    follower.broken = broken;
    for (const event of events) {
      follower.position = event.cursor;
      yield event;
    }
    if (!page.more) return hole;
  }
}
