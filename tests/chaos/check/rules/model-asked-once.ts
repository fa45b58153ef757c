import { eventsOf, type Facts, type Rule } from "../facts.ts";

/** Clocks of the same machine, read by different processes. */
const SLACK_MS = 20;
/** What was checked before a sleep is done right after it: the gap between check and send cannot be closed. */
const WAKING_MS = 2_000;

const keyOfText = (text: string): string | undefined => /^(\S+\/\d+)#/.exec(text)?.[1];

/** When each answer was written down for good, by which answer it is. */
export function writtenAt(facts: Facts): Map<string, number> {
  const written = new Map<string, number>();
  const note = (key: string | undefined, atMs: number): void => {
    if (key !== undefined && !written.has(key)) written.set(key, atMs);
  };
  for (const { data, atMs } of eventsOf(facts, "step.completed")) {
    const [call] = data.calls;
    note(call === undefined ? keyOfText(data.text) : call.callId.slice(0, call.callId.lastIndexOf("/")), atMs);
  }
  for (const { data, atMs } of eventsOf(facts, "turn.completed")) note(keyOfText(data.result), atMs);
  for (const { data, atMs } of eventsOf(facts, "child.finished")) if (data.status === "completed") note(keyOfText(data.result ?? ""), atMs);
  return written;
}

/** An answer that was written down is never asked for again. */
export const modelAskedOnce: Rule = (facts) => {
  const written = writtenAt(facts);
  return facts.calls.flatMap(({ key, atMs }) => {
    const sinceMs = written.get(key);
    if (sinceMs === undefined || atMs <= sinceMs + SLACK_MS) return [];
    if (facts.frozen.some(({ toMs }) => atMs >= toMs - SLACK_MS && atMs <= toMs + WAKING_MS)) return [];
    return [`the model was asked for ${key} ${Math.round(atMs - sinceMs)} ms after its answer had been written down`];
  });
};
