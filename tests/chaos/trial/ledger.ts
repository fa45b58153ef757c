/** What the gateway has told its caller in one trial: the checker holds it to that. */
export interface Ledger {
  /** Every text that was sent, once each. */
  sent: string[];
  accepted: Accepted[];
  refused: { text: string; code: string }[];
  /** Turns that it said it stops, and when it had said so. */
  stopped: { turnId: string; atMs: number }[];
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

export const emptyLedger = (): Ledger => ({ sent: [], accepted: [], refused: [], stopped: [], cancelled: [] });
