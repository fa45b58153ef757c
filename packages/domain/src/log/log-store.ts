import type { Cursor, LogEvent, TextSoFar } from "@parley/contracts";

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
  /** The newest durable event's cursor. */
  head: Cursor;
  /** The running turn's checkpoint, if one was written. */
  checkpoint: Checkpoint | null;
}

/** Reads the durable log. A conversation of another organization reads as not found. */
export interface LogStore {
  read(input: { organizationId: string; conversationId: string; after: Cursor; limit: number }): Promise<LogPage>;
  /** The durable heads of many conversations, across organizations, in one statement. */
  heads(conversations: { organizationId: string; conversationId: string }[]): Promise<Map<string, Cursor>>;
}
