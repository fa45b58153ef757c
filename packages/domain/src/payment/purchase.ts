import type { Voucher } from "@parley/contracts";
import type { PaymentProblem } from "./chain-payments.ts";

/** A session and its wallet, as a call names them. */
export interface NamedSession {
  sessionId: string;
  /** Lower case. */
  wallet: string;
  /** Null: the caller is the session's owner. */
  voucher: Voucher | null;
}

/** One call that is to be paid. */
export interface CallOrder {
  plugin: string;
  amountMicros: number;
}

/** Money that is set aside for one call: taken when it is done, let go when it failed. */
export interface Purchase {
  /** Shown to the payer; null where its credits pay. */
  receipt: string | null;
  /** Of the session; null where there is none. */
  remainingMicros: number | null;
  /** Once, whatever is said later. The answer is kept for those who show the same payment again. */
  settle(outcome: "done" | "failed", answer?: object): Promise<void>;
}

/** What a session pays for a call, or how far its money goes. */
export type SessionPurchase = { outcome: "bought"; purchase: Purchase } | { outcome: "short"; remainingMicros: number };

/** What is shown for one call, and what the call is. */
export interface ShownCredential {
  credential: string;
  plugin: string;
  /** Of the call's plugin and body. */
  digest: string;
}

/** What a credential buys. */
export type ChainPurchase =
  | { outcome: "bought"; organizationId: string; payer: string; purchase: Purchase }
  /** It was bought before; this is what was answered. */
  | { outcome: "answered"; answer: object }
  | { outcome: "refused"; problem: PaymentProblem; dialect: "mpp" | "plain"; challengeId: string | null };
