import type { Cursor, Execution, LogEvent, TextSoFar } from "@parley/contracts";

/** Where a running turn's text stood at its last checkpoint. */
export interface Checkpoint {
  turnId: string;
  cursor: Cursor;
  texts: TextSoFar[];
}

export interface LogPage {
  events: LogEvent[];
  /** Whether there is more after the last of `events`. */
  more: boolean;
  /** The newest epoch, and whether its holder is at work: its deltas have cursors beyond `head`. */
  epoch: number;
  running: boolean;
  /** The root execution as of `head`. */
  execution: Execution;
  /** The newest durable event's cursor. */
  head: Cursor;
  /** The last event that is not kept any more; `START` where all are. */
  trimmed: Cursor;
  /** The running turn's checkpoint, if one was written. */
  checkpoint: Checkpoint | null;
}

/** A part of a log, oldest first; more comes before `older`, or nothing where it is null. */
export interface LogPart {
  events: LogEvent[];
  older: Cursor | null;
}

/** Reads the durable log. */
export interface LogStore {
  /** Null where the organization has no such conversation. */
  read(input: { organizationId: string; conversationId: string; after: Cursor; limit: number }): Promise<LogPage | null>;
  /** The newest whole turns before a cursor that fit the bounds; the newest one is there whatever its size. Null as above. */
  readBack(input: {
    organizationId: string;
    conversationId: string;
    before: Cursor | null;
    turnsMax: number;
    bytesMax: number;
    childrenMax: number;
  }): Promise<LogPart | null>;
  /** What one execution did in one turn. Null as above. */
  readTurn(input: { organizationId: string; conversationId: string; turnId: string; executionId: string }): Promise<LogEvent[] | null>;
  /** The durable heads of many conversations, across organizations, in one statement. */
  heads(conversations: { organizationId: string; conversationId: string }[]): Promise<Map<string, Cursor>>;
}
