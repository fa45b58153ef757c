import type { RestEvent } from "@parley/testkit";

/**
 * What a row lists of children is of now, also in a fact of the past; the times when things began are the row's, or the
 * log's, milliseconds apart.
 */
const OF_NOW = { sub_executions: [], finished_sub_executions: [], created_at: null, started_at: null, duration: null };

/** Frames that tell durable facts, made comparable. Text is not among them. */
export const durableFrames = (events: RestEvent[]): RestEvent[] =>
  events
    .filter(({ type }) => type !== "chunk" && type !== "snapshot")
    .map((event) => (event.type.includes("task_") ? { ...event, data: { ...(event.data as object), ...OF_NOW } } : event));

/** Frames of a fact are told again to a reader that was cut between them. */
export const withoutRepeats = (events: RestEvent[]): RestEvent[] => {
  const known = new Set<string>();
  return events.filter(({ id, type, taskId }) => {
    const key = `${id} ${type} ${taskId}`;
    const isNew = !known.has(key);
    known.add(key);
    return isNew;
  });
};
