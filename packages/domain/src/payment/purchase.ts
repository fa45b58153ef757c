import type { GatewayError, Voucher } from "@parley/contracts";
import type { HeldKey } from "../idempotency/held-key.ts";
import type { PaymentProblem } from "./chain-payments.ts";
import type { ChannelAction } from "./channel-payments.ts";

/** A session and its wallet, as a call names them. */
export interface NamedSession {
  sessionId: string;
  /** Lower case. */
  wallet: string;
  /** Null: the caller is the session's owner. */
  voucher: Voucher | null;
}

/** What a wallet has signed, once that is found to be so. */
export interface ProvedVoucher {
  signature: string;
  /** Null: it is a total. */
  nonce: string | null;
  /** What one call may take, or all of them together. */
  signedMicros: number;
}

/** A session whose owner or wallet is the one that asks. */
export interface PayingSession {
  organizationId: string;
  sessionId: string;
  wallet: string;
  /** Null: its owner asks. */
  proof: ProvedVoucher | null;
}

/** One call that is to be paid. */
export interface CallOrder {
  plugin: string;
  amountMicros: number;
  /** The key that the call is repeated by: its answer is kept under it in the moment that it is paid. */
  under: HeldKey | null;
}

/** Money that is set aside for one call: taken when it is done, let go when it failed. */
export interface Purchase {
  /** What it is looked up by, and its charge has as its source. */
  id: string;
  /** Shown to the payer; null where its credits pay. */
  receipt: string | null;
  /** Of the session; null where there is none. */
  remainingMicros: number | null;
  /** What becomes of the money where the work fails: what was only set aside is let go, what a card was charged goes back, and what is paid for good stays so, for the same work. */
  whenFailed: "letGo" | "goesBack" | "staysPaid";
  /**
   * Once, whatever is said later. The answer is kept for those who show the same payment again, or the call's key. Throws `payment_pending` where somebody else
   * has taken the call over meanwhile: then nobody may be given the answer. Resolves to what a stream's reader is told at its end;
   * null where there is no such thing.
   */
  settle(outcome: "done" | "failed", answer?: object): Promise<ChannelReceipt | null>;
}

/** Why a session does not pay for a call. */
export interface RefusedBySession {
  outcome: "refused";
  reason: GatewayError;
  /** How far its money goes, where that is the reason. */
  remainingMicros?: number;
  /** The call may be paid already, or the session pays for it once others let go of what they hold: who pays in another way pays twice. */
  isFinal: boolean;
}

export type SessionPurchase = { outcome: "bought"; purchase: Purchase } | RefusedBySession;

/** A session that pays, or whose voucher is not good. */
export type ProvedSession = PayingSession | { organizationId: string; refused: GatewayError };

/** What is shown for one call, and what the call is. */
export interface ShownCredential {
  credential: string;
  plugin: string;
  /** Of the call's plugin and body. */
  digest: string;
}

/** Why a credential buys nothing. */
export interface RefusedCredential {
  outcome: "refused";
  problem: PaymentProblem;
  dialect: "mpp" | "plain";
  challengeId: string | null;
}

/** What a credential buys. */
export type CredentialPurchase =
  | { outcome: "bought"; purchase: Purchase }
  /** It was bought before; this is what was answered. */
  | { outcome: "answered"; answer: object }
  | RefusedCredential;

/** What a payer has shown for a channel. */
export interface ChannelCall {
  action: ChannelAction;
  channelId: string;
  challengeId: string;
  payer: string;
  /** Of what was done on the chain for it. */
  txHash: string | null;
}

/** What a channel has come to, as the payment standard tells it. Amounts are integers, in the token's smallest unit. */
export interface ChannelReceipt {
  method: "tempo";
  intent: "session";
  status: "success";
  timestamp: string;
  reference: string;
  challengeId: string;
  channelId: string;
  acceptedCumulative: string;
  spent: string;
  units: number;
  txHash?: string;
}

export type ShownToChannel = { outcome: "shown"; call: ChannelCall; receipt: string } | RefusedCredential;

export type ChannelPurchase =
  | { outcome: "bought"; purchase: Purchase }
  | { outcome: "refused"; problem: PaymentProblem }
  /** The payer has signed for less than the call costs. */
  | {
      outcome: "short";
      problem: PaymentProblem;
      challengeId: string;
      need: { channelId: string; requiredCumulative: string; acceptedCumulative: string; deposit: string };
      wait(signal: AbortSignal): Promise<Purchase | null>;
    };
