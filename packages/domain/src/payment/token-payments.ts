import type { Offer, OfferOrder, Verified } from "./chain-payments.ts";

/** What a card is owed. */
export interface OwedRefund {
  /** Of the charge. */
  reference: string;
  /** How often the service has refused to pay it back. Each refusal has used up the name that it was asked under. */
  refusals: number;
}

/** Payments by what a card service lets a payer share: one token for one call. */
export interface TokenPayments {
  /** Cards are not charged less. */
  amountMinMicros: number;
  offer(order: OfferOrder): Promise<Offer>;
  /** Charges the card: the same credential again is the same charge. */
  verify(credential: string, order: { challenge: object; plugin: string }): Promise<Verified>;
  /**
   * Gives all of a charge back, once, however often it is asked for. `refused`: the service has said no to this very request, and says the same to it from
   * now on, whatever changes. Throws `payment_failed` where it is not known what has become of it: then the same has to be asked again.
   */
  refund(owed: OwedRefund): Promise<"refunded" | "refused">;
}
