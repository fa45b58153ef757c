/** What a payer is asked for, in one call's answer. */
export interface Offer {
  id: string;
  /** As it is kept, to be looked at again with what is paid. */
  challenge: object;
  /** The `WWW-Authenticate` header's value. */
  header: string;
  expiresAt: string;
  /** For clients of the other dialect. */
  plain: { scheme: "Payment"; amount: string; currency: string; recipient: string; description: string; nonce: string; expiresAt: number };
}

/** What a credential says before anything of it is believed. */
export interface ReadCredential {
  challengeId: string;
  /** The same text each time for the same payment. */
  fingerprint: string;
  dialect: "mpp" | "plain";
}

/** Why a payment is refused, as a problem of the standard. */
export interface PaymentProblem {
  type: string;
  title: string;
  status: number;
  detail: string;
}

export type Verified =
  | { outcome: "paid"; reference: string; payer: string | null; receipt: string }
  | { outcome: "refused"; problem: PaymentProblem }
  /** The chain did not answer: it may have been paid. */
  | { outcome: "unknown" };

/** Payments on a chain, behind one adapter. */
export interface ChainPayments {
  offer(order: { plugin: string; amountMicros: number; description: string; digest: string; besideKey: boolean }): Promise<Offer>;
  /** Null where it is no credential at all. */
  read(credential: string): Promise<ReadCredential | null>;
  verify(credential: string, order: { challenge: object; plugin: string }): Promise<Verified>;
}
