import { compareCursors, type Cursor, type EventType, type LogEvent, parseCursor } from "@parley/contracts";
import type { Checkpoint } from "./log-store.ts";

interface Replay {
  events: LogEvent[];
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
export function mergeReplay(position: Cursor, durable: LogEvent[], deltas: LogEvent[], checkpoint: Checkpoint | null): Replay {
  const plain = walk(position, durable, deltas);
  if (!plain.hole || checkpoint === null || compareCursors(checkpoint.cursor, position) <= 0) return plain;
  const last = durable.at(-1);
  // A durable fact beyond the checkpoint may already have ended the step that it is about.
  if (last !== undefined && compareCursors(last.cursor, checkpoint.cursor) > 0 && CLOSES_HOLE.has(last.type)) return plain;
  return walk(position, [...durable, asSnapshot(checkpoint)], deltas);
}

function walk(position: Cursor, durable: LogEvent[], deltas: LogEvent[]): Replay {
  const all = [...durable, ...deltas].sort((a, b) => compareCursors(a.cursor, b.cursor));
  const events: LogEvent[] = [];
  let place = position;
  let hole = false;
  for (const event of all) {
    if (compareCursors(event.cursor, place) <= 0) continue;
    if (!follows(place, event)) hole = true;
    if (CLOSES_HOLE.has(event.type)) hole = false;
    if (event.type === "turn.delta" && hole) continue;
    events.push(event);
    place = event.cursor;
  }
  return { events, hole };
}

function asSnapshot({ turnId, cursor, texts }: Checkpoint): LogEvent {
  const executionId = texts[0]?.executionId ?? turnId;
  return { cursor, type: "turn.snapshot", executionId, turnId, at: new Date().toISOString(), data: { texts } };
}
