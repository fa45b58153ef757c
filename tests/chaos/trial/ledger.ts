/** What the gateway has told its caller in one trial: the checker holds it to that. */
export interface Ledger {
  accepted: Accepted[];
  refused: { text: string; code: string }[];
  /** Turns that it said it stops, and when it had said so. */
  stopped: { turnId: string; atMs: number }[];
  /** Cards that it said are decided by this caller, and how. */
  decided: { cardId: string; outcome: string }[];
  /** Messages that it said are taken out of the queue. */
  cancelled: string[];
}

export interface Accepted {
  conversationId: string;
  messageId: string;
  turnId: string;
  text: string;
  mode: string;
}

/** The name of a message, whatever else its text has become: its first word. */
export const markerOf = (text: string): string => text.split(" ", 1)[0] ?? "";

export const emptyLedger = (): Ledger => ({ accepted: [], refused: [], stopped: [], decided: [], cancelled: [] });
