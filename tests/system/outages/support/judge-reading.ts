import { type Cursor, compareCursors, foldText, isDurable, type LogEvent, NO_TEXT, parseCursor } from "@parley/contracts";
import { at, type RestEvent } from "@parley/testkit";
import { cursorOf, type EventRow } from "../../../chaos/check/facts.ts";
import type { Reading } from "./follow-along.ts";

/**
 * Everything that is wrong with what a reader was told, by the rows of its conversation's log, in their order. Where Postgres has crashed, a claim
 * that it had answered may be gone, and with it the whole epoch that readers were told the first facts of.
 */
export function judgeReading(reading: Reading, rows: EventRow[], { hasCrashed }: { hasCrashed: boolean }): string[] {
  const { failure, door, conversationId } = reading;
  const wrong = failure === null ? [] : [`gave up: ${failure}`];
  const found = door === "rest" ? judgeFrames(reading.frames, rows, conversationId) : judgeEvents(reading.events, rows, hasCrashed);
  return [...wrong, ...found].map((what) => `a reader over ${door} of ${conversationId}: ${what}`);
}

/** Each fact once and in its place; no text that the log contradicts. */
function judgeEvents(events: LogEvent[], rows: EventRow[], hasCrashed: boolean): string[] {
  const wrong: string[] = [];
  for (const [index, { cursor }] of events.entries()) {
    const before = events[index - 1]?.cursor;
    if (before !== undefined && compareCursors(before, cursor) >= 0) wrong.push(`${cursor} came after ${before}`);
  }
  const told = new Set<string>(events.map(({ cursor }) => cursor));
  const written = new Set(rows.map(cursorOf));
  for (const row of rows) if (!told.has(cursorOf(row))) wrong.push(`${row.type} at ${cursorOf(row)} was not told`);
  const epochs = new Set(rows.map(({ epoch }) => epoch));
  for (const { type, cursor } of events) {
    // A checkpoint may stand in for lost pieces of text.
    if (!isDurable(type) || type === "turn.snapshot" || written.has(cursor)) continue;
    if (!hasCrashed || epochs.has(parseCursor(cursor).epoch)) wrong.push(`${type} at ${cursor} was told and is not in the log`);
  }
  let state = NO_TEXT;
  for (const event of events) {
    const sealed = sealedBy(event);
    const open = sealed === null ? undefined : state.open[sealed.of]?.text;
    if (open !== undefined && sealed !== null && !sealed.text.startsWith(open)) wrong.push(`"${open}" was shown of "${sealed.text}"`);
    state = foldText(state, event);
  }
  return wrong;
}

/** Which execution's text is whole with this event. */
function sealedBy(event: LogEvent): { of: string; text: string } | null {
  if (event.type === "step.completed") return { of: event.executionId, text: event.data.text };
  if (event.type === "turn.completed") return { of: event.executionId, text: event.data.result };
  if (event.type === "child.finished") return { of: event.data.childId, text: event.data.result ?? "" };
  return null;
}

const ENDS = new Set<string>(["turn.completed", "turn.failed", "turn.stopped"]);

/** Each end of a turn once, behind a text that it contradicts nowhere. */
function judgeFrames(frames: RestEvent[], rows: EventRow[], conversationId: string): string[] {
  const wrong: string[] = [];
  let text = "";
  let last: Cursor | null = null;
  for (const { id, type, taskId, data } of frames) {
    if (last !== null && compareCursors(last, id as Cursor) > 0) wrong.push(`${type} at ${id} came after ${last}`);
    last = id as Cursor;
    if (type === "turn_started" || type === "attempt_superseded") text = "";
    if (type === "chunk" && taskId === conversationId) text += String(data);
    if (type === "snapshot") {
      const texts = at(data, "texts") as { task_id: string; text: string }[];
      text = texts.find(({ task_id }) => task_id === conversationId)?.text ?? "";
    }
    if (type !== "turn_finished") continue;
    const result = String(at(data, "result"));
    if (!result.startsWith(text)) wrong.push(`"${text}" was shown of "${result}"`);
  }
  const told = frames.filter(({ type }) => type === "turn_finished").map(({ id }) => id);
  const written = rows.filter(({ type }) => ENDS.has(type)).map(cursorOf);
  if (told.join() !== written.join()) wrong.push(`the ends at ${written.join(", ")} were told as ${told.join(", ")}`);
  return wrong;
}
