import type { Hex } from "viem";

export type Method = "credits" | "session" | "nonce" | "chain";

/** How a call ended for its payer. `used`: what paid for it has paid before, and the answer is lost. `left`: the payer went away. */
export type Ending = "delivered" | "used" | "left";

/** What the payers of one organization know of it: nothing of this comes from our books. */
export interface Journal {
  organizationId: string;
  calls: { method: Method; work: string; ending: Ending }[];
  transfers: { challengeId: string; hash: Hex; ending: Ending | "reverted" }[];
  /** What each payment by card comes to in the end. */
  cards: { checkoutId: string; micros: number }[];
  /** What each month of a plan leaves of its price, and of its credits. */
  months: { paidMicros: number; creditMicros: number }[];
  /** Calls by card: what was lost to a dispute. `refunded`: they were told so. */
  tokens: { challengeId: string; spt: string; work: string; ending: "delivered" | "refunded" | "left"; lostMicros: number }[];
  /** Events that no webhook has brought, and none will. */
  lost: number;
  /** What no payer should have been told. */
  complaints: string[];
}

export const newJournal = (organizationId: string): Journal => ({
  ...{ organizationId, calls: [], transfers: [], cards: [], months: [], tokens: [], lost: 0, complaints: [] },
});
