import type { Offer, OfferOrder, Verified } from "./chain-payments.ts";

/** Payments by what a card service lets a payer share: one token for one call. */
export interface TokenPayments {
  /** Cards are not charged less. */
  amountMinMicros: number;
  offer(order: OfferOrder): Promise<Offer>;
  /** Charges the card: the same credential again is the same charge. */
  verify(credential: string, order: { challenge: object; plugin: string }): Promise<Verified>;
  /** Gives all of a charge back, once, however often it is asked for. Throws `payment_failed`. */
  refund(reference: string): Promise<void>;
}
