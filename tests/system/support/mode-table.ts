import type { MessageMode } from "@parley/contracts";
import type { Said } from "./send-message.ts";

/** What the conversation does when the message comes. `running`, `queued` and `held` have a message `q` in the queue. */
export const COLUMNS = ["running", "idle", "queued", "held", "paused"] as const;
export type Column = (typeof COLUMNS)[number];

interface Cell {
  /** What the door answers. */
  says: Said;
  /** Nothing runs by itself: it takes a drain, or an answer to the card. */
  waits?: true;
  /** The turns of the conversation, oldest first, by what was said in them: `+` what steered, `&` what was merged. */
  runs: string[];
}

const says = (action: string, mode: string, position: number, depth: number): Said => ({ action, mode, position, depth });
/** What `auto` says there. */
const STARTS = says("started", "auto", 0, 0);
const HEAD_STARTS = says("queued", "auto", 1, 1);
const refuses = (code: string): Said => ({ code, status: 409 });

/** What must be true of a message `new` in each mode. `mode` is the one that was applied; every answer names the one that was asked for, too. */
export const MODE_TABLE: Record<MessageMode, Record<Column, Cell>> = {
  auto: {
    running: { says: says("queued", "auto", 2, 2), runs: ["hold", "q", "new"] },
    idle: { says: STARTS, runs: ["first", "new"] },
    queued: { says: HEAD_STARTS, runs: ["first", "q", "new"] },
    held: { says: HEAD_STARTS, runs: ["hold, stopped", "q", "new"] },
    paused: { says: says("queued", "auto", 1, 1), waits: true, runs: ["ask", "new"] },
  },
  queue: {
    running: { says: says("queued", "queue", 2, 2), runs: ["hold", "q", "new"] },
    idle: { says: says("queued", "queue", 1, 1), waits: true, runs: ["first", "new"] },
    queued: { says: says("queued", "queue", 2, 2), waits: true, runs: ["first", "q", "new"] },
    held: { says: says("queued", "queue", 2, 2), waits: true, runs: ["hold, stopped", "q", "new"] },
    paused: { says: says("queued", "queue", 1, 1), waits: true, runs: ["ask", "new"] },
  },
  collect: {
    running: { says: says("queued", "collect", 2, 2), runs: ["hold", "q & new"] },
    idle: { says: STARTS, runs: ["first", "new"] },
    queued: { says: HEAD_STARTS, runs: ["first", "q", "new"] },
    held: { says: HEAD_STARTS, runs: ["hold, stopped", "q", "new"] },
    paused: { says: says("queued", "collect", 1, 1), waits: true, runs: ["ask", "new"] },
  },
  steer: {
    running: { says: says("steering", "steer", 0, 1), runs: ["hold + new", "q"] },
    idle: { says: refuses("nothing_to_steer"), waits: true, runs: ["first"] },
    queued: { says: refuses("nothing_to_steer"), waits: true, runs: ["first", "q"] },
    held: { says: refuses("nothing_to_steer"), waits: true, runs: ["hold, stopped", "q"] },
    paused: { says: says("steering", "steer", 0, 0), runs: ["ask + new"] },
  },
  interrupt: {
    running: { says: says("queued", "interrupt", 1, 2), runs: ["hold, stopped", "new", "q"] },
    idle: { says: STARTS, runs: ["first", "new"] },
    queued: { says: says("started", "interrupt", 0, 1), runs: ["first", "new", "q"] },
    held: { says: says("started", "interrupt", 0, 1), runs: ["hold, stopped", "new", "q"] },
    paused: { says: says("started", "interrupt", 0, 0), runs: ["ask, stopped", "new"] },
  },
  reject: {
    running: { says: refuses("turn_in_progress"), runs: ["hold", "q"] },
    idle: { says: STARTS, runs: ["first", "new"] },
    queued: { says: refuses("turn_in_progress"), waits: true, runs: ["first", "q"] },
    held: { says: refuses("turn_in_progress"), waits: true, runs: ["hold, stopped", "q"] },
    paused: { says: refuses("turn_in_progress"), waits: true, runs: ["ask"] },
  },
};
