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
  /** What no payer should have been told. */
  complaints: string[];
}

export const newJournal = (organizationId: string): Journal => ({ organizationId, calls: [], transfers: [], cards: [], complaints: [] });
