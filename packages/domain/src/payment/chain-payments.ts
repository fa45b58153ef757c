/** How one call is paid, as `Accept-Payment` names it. */
export type OfferedMethod = "tempo/charge" | "tempo/session" | "stripe/charge";

/** What a payer is asked for, in one call's answer. */
export interface Offer {
  id: string;
  method: OfferedMethod;
  /** As it is kept, to be looked at again with what is paid. */
  challenge: object;
  /** The `WWW-Authenticate` header's value. */
  header: string;
  expiresAt: string;
  /** For clients of the other dialect, which pay on the chain alone. */
  plain?: { scheme: "Payment"; amount: string; currency: string; recipient: string; description: string; nonce: string; expiresAt: number };
}

/** What a credential says before anything of it is believed. */
export interface ReadCredential {
  method: OfferedMethod;
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
  /** `isAbsent`: nobody has heard of it, which may change. */
  | { outcome: "refused"; problem: PaymentProblem; isAbsent?: true }
  /** The chain did not answer: it may have been paid. */
  | { outcome: "unknown" };

/** One call that is offered. */
export interface OfferOrder {
  plugin: string;
  amountMicros: number;
  description: string;
  /** Of the call's plugin and body. */
  digest: string;
  /** A key stands in `Authorization`. */
  besideKey: boolean;
}

/** Null where it is no credential at all, or of a method that nobody offers. */
export type CredentialReader = (credential: string) => Promise<ReadCredential | null>;

/** Payments on a chain, behind one adapter. */
export interface ChainPayments {
  offer(order: OfferOrder): Promise<Offer>;
  verify(credential: string, order: { challenge: object; plugin: string }): Promise<Verified>;
}
