import type { Cursor, LogEvent } from "@parley/contracts";

export interface Tail {
  conversationId: string;
  events: LogEvent[];
}

/**
 * What happens now, and the deltas of running turns. Everything in it may be lost at any moment: durable facts are in
 * the `LogStore` before they come here, and readers find holes by the cursor's dense `n`.
 */
export interface LiveTail {
  /** Tells the conversation's followers about events that are already committed. Never throws: a lost publish is harmless. */
  publish(tail: Tail): void;
  /**
   * Keeps deltas for replay and tells the followers. `first` marks the first deltas of an attempt: they may start the
   * list. `lost` means that the list is gone (Redis was flushed or away) and a snapshot is due.
   */
  appendDeltas(tail: Tail, options: { first: boolean }): Promise<"kept" | "lost">;
  /** The kept deltas after a cursor, in order; empty when there are none or Redis is away. */
  deltasAfter(conversationId: string, after: Cursor): Promise<LogEvent[]>;
  /** Forgets the kept deltas soon: their turn has ended and its text is durable. */
  expireDeltas(conversationId: string): void;
  /**
   * Calls `listener` for each published tail of the conversation once the returned promise resolves.
   * `listener(null)` says that something may have been missed: read the store again.
   */
  subscribe(conversationId: string, listener: (events: LogEvent[] | null) => void): Promise<() => void>;
  /** Wakes the worker that holds a conversation: its inbox has something. Never throws. */
  nudge(workerId: string, conversationId: string): void;
  /** Calls `listener` with the conversation of each nudge for this worker. */
  onNudge(workerId: string, listener: (conversationId: string) => void): Promise<() => Promise<void>>;
}
