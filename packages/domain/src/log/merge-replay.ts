import { type Cursor, compareCursors, type EventType, type LogEvent, parseCursor } from "@parley/contracts";
import type { Checkpoint } from "./log-store.ts";

/** Where a reader stands. `broken`: deltas before it were missed, and nothing has made up for them yet. */
interface Place {
  position: Cursor;
  broken: boolean;
}

interface Replay {
  events: LogEvent[];
  /** As the place after `events` is. */
  broken: boolean;
  /** Deltas are missing at the end: wait for a checkpoint, a snapshot, or the step's end. */
  hole: boolean;
}

/** After these an unfinished text no longer matters, or is whole again. */
const CLOSES_HOLE: ReadonlySet<EventType> = new Set<EventType>([
  "turn.started",
  "turn.snapshot",
  "step.completed",
  "attempt.superseded",
  "turn.completed",
  "turn.failed",
  "turn.stopped",
]);

/** Whether nothing can be missing between a place and the event after it. */
export function follows(position: Cursor, event: LogEvent): boolean {
  if (event.previous !== undefined) return compareCursors(event.previous, position) <= 0;
  const before = parseCursor(position);
  const here = parseCursor(event.cursor);
  return here.epoch === before.epoch && here.n === before.n + 1;
}

/**
 * What a reader at `position` has to see, in order: every durable fact, and the kept deltas as far as they are dense.
 * Deltas behind a hole are held back, since text with a hole is wrong text; where a checkpoint reaches across the hole,
 * it stands in as a snapshot with its own cursor.
 */
export function mergeReplay(from: Place, durable: LogEvent[], deltas: LogEvent[], checkpoint: Checkpoint | null): Replay {
  const plain = walk(from, durable, deltas);
  if (!plain.hole || checkpoint === null || compareCursors(checkpoint.cursor, from.position) <= 0) return plain;
  const last = durable.at(-1);
  // A durable fact beyond the checkpoint may already have ended the step that it is about.
  if (last !== undefined && compareCursors(last.cursor, checkpoint.cursor) > 0 && CLOSES_HOLE.has(last.type)) return plain;
  return walk(from, [...durable, asSnapshot(checkpoint)], deltas);
}

function walk(from: Place, durable: LogEvent[], deltas: LogEvent[]): Replay {
  const all = [...durable, ...deltas].sort((a, b) => compareCursors(a.cursor, b.cursor));
  const events: LogEvent[] = [];
  let place = from.position;
  let { broken } = from;
  let heldBack = false;
  for (const event of all) {
    if (compareCursors(event.cursor, place) <= 0) continue;
    const isDense = follows(place, event);
    if (event.type === "turn.delta" && (broken || !isDense)) {
      heldBack = true;
      continue;
    }
    if (CLOSES_HOLE.has(event.type)) {
      broken = false;
      heldBack = false;
    } else if (!isDense) {
      broken = true;
    }
    events.push(event);
    place = event.cursor;
  }
  return { events, broken, hole: broken || heldBack };
}

function asSnapshot({ turnId, cursor, texts }: Checkpoint): LogEvent {
  const executionId = texts[0]?.executionId ?? turnId;
  return { cursor, type: "turn.snapshot", executionId, turnId, at: new Date().toISOString(), data: { texts } };
}
