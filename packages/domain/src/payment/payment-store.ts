import type { Plans, RefusedBy, WalletSession } from "@parley/contracts";
import type { HeldKey } from "../idempotency/held-key.ts";
import type { CardLookStore } from "./card-look-store.ts";
import type { CardEvent, PlanEvent, PlanFact } from "./card-payments.ts";
import type { OfferedMethod } from "./chain-payments.ts";
import type { ChannelChange, KeptChannel } from "./channel-payments.ts";
import type { OwedRefund } from "./token-payments.ts";

/** Money for one call, set aside in a session. */
export interface SessionReservation {
  organizationId: string;
  id: string;
  sessionId: string;
  wallet: string;
  plugin: string;
  amountMicros: number;
  nonce: string;
  signature: string | null;
  /** What the wallet has signed for in all; null: for this call alone. */
  signedMicros: number | null;
  /** Of the call that it is for; what an earlier holder of it has set aside goes back. */
  callKey: string | null;
  /** Whoever holds the nonce and says nothing for so long has died with it. */
  quietMs: number;
}

/** Where a call's answer is kept, by whoever holds its key. */
export interface KeptAnswer extends HeldKey {
  answer: object;
}

export type Reserved =
  | { outcome: "reserved"; remainingMicros: number }
  /**
   * There is too little, or the wallet has signed for less in all. `mayWait`: it would be enough if others let go of what they hold; `isSpent`: all that the wallet has signed
   * for has paid for calls already.
   */
  | { outcome: "insufficient" | "unsigned"; remainingMicros: number; mayWait: boolean; isSpent: boolean }
  /** No open session of that wallet; or the nonce was used before. */
  | { outcome: "invalid"; isSpent: boolean }
  /** `underWay`: its call is not over yet. */
  | { outcome: "used"; underWay?: true };

/** What is to be done next for a challenge. */
export type ChallengeClaim =
  | { outcome: "verify"; epoch: number; challenge: object }
  | { outcome: "run"; epoch: number; receipt: string }
  | { outcome: "done"; answer: object }
  | { outcome: "busy" }
  | { outcome: "expired" }
  | { outcome: "mismatch" }
  /** The work has failed, and the payer has the money back, or will. */
  | { outcome: "refunded" };

/** Money for one call, set aside in a channel. */
export type ChannelReserved =
  | { outcome: "reserved"; spentMicros: number; voucherMicros: number; units: number }
  /** The payer has signed for less; what the total has to be. */
  | { outcome: "short"; requiredMicros: number; voucherMicros: number; depositMicros: number }
  | { outcome: "gone" };

/** Where a session's money comes from: the organization's own credits, or the operator's gift. */
export type SessionFunds = "customer" | "credits";

export interface CreditsReservation {
  organizationId: string;
  id: string;
  principalId: string;
  plugin: string;
  amountMicros: number;
  callKey: string | null;
}

/** `mayWait`: it would be enough if others let go of what they hold. */
export type CreditsReserved = { outcome: "reserved" } | { outcome: "insufficient"; mayWait: boolean; by: RefusedBy };

/** It cannot be settled as it is, and is put off: others go before it. */
export interface Unsettled {
  trouble: string;
}

export interface PaymentStore extends CardLookStore {
  /** The customer that the payment service knows an organization as; null where it has not paid yet. */
  customerOf(organizationId: string): Promise<string | null>;
  /** Whose payment that is; null where nobody has heard of it. */
  payerOf(paymentId: string): Promise<string | null>;
  /** Notes the event and books what it changes, in one transaction, once for each event; the invoice is the one that it pays. False: it was noted before. */
  takeCardEvent(organizationId: string, event: CardEvent & { invoiceId?: string }): Promise<boolean>;

  /** The same of an event of a plan. */
  takePlanEvent(event: Omit<PlanEvent, "planFact"> & PlanFact): Promise<boolean>;
  /** Notes where an organization was led to a plan. Gives the checkout that is in the way, and notes nothing, until that is closed: `closedId`. */
  notePlanCheckout(checkout: { organizationId: string; checkoutId: string; closedId: string | null }): Promise<string | null>;
  readPlan(organizationId: string, invoicesMax: number): Promise<Pick<Plans, "subscriptions" | "invoices">>;

  /** Whose session that is; null where that wallet has none of that id. */
  sessionOwner(session: { sessionId: string; wallet: string }): Promise<string | null>;
  openSession(session: {
    organizationId: string;
    principalId: string;
    id: string;
    wallet: string;
    depositMicros: number;
    from: SessionFunds;
  }): Promise<{ created: boolean; session: WalletSession }>;
  /** Null where there is no active one. Throws `limit_reached`, `budget_exhausted`. */
  topUpSession(order: {
    organizationId: string;
    id: string;
    /** The same step is made once. */
    step: string;
    depositMicros: number;
    depositMaxMicros: number;
    from: SessionFunds;
  }): Promise<WalletSession | null>;
  /** Newest first. */
  listSessions(organizationId: string, of: { wallet?: string; id?: string; limit: number }): Promise<WalletSession[]>;
  /** Null where there is none. It is `closing` while something is under way. */
  closeSession(key: { organizationId: string; id: string }): Promise<WalletSession | null>;

  /** Closes one that is due, that nobody has used for so long and of which nothing is under way, and gives back what is left. False: it stays. */
  expireSession(key: { organizationId: string; id: string; idleMs: number }): Promise<boolean | Unsettled>;

  /** Who has made that offer; null where nobody has. For events of the card service alone: what buys a call is its own organization's. */
  challengeOwner(challengeId: string): Promise<string | null>;
  offerChallenge(challenge: {
    organizationId: string;
    id: string;
    method: OfferedMethod;
    plugin: string;
    amountMicros: number;
    digest: string;
    challenge: object;
    expiresAt: string;
  }): Promise<void>;
  /** Who may go on with it: one at a time, and nobody for longer than the lease without a sign of life. */
  claimChallenge(claim: {
    organizationId: string;
    id: string;
    plugin: string;
    digest: string;
    /** What it is known by, and the credential itself. */
    credential: string;
    shown: string;
    leaseMs: number;
  }): Promise<ChallengeClaim>;
  /** Whoever has claimed it is alive. False: another has. */
  holdChallenge(claimed: { organizationId: string; id: string; epoch: number }): Promise<boolean>;
  /** Notes what was found. `used`: that payment has paid for another call; `lost`: somebody else looks for it now, or has found it. */
  verifyChallenge(
    found: { organizationId: string; id: string; epoch: number; then?: "running" | "paid" } & (
      | { outcome: "paid"; reference: string; payer: string | null; receipt: string }
      | { outcome: "refused" | "absent" | "unknown" }
    ),
  ): Promise<"kept" | "used" | "lost">;
  /** Takes up a payment of unknown outcome; null where somebody else has. */
  takeUnknown(key: {
    organizationId: string;
    id: string;
    quietMs: number;
  }): Promise<{ epoch: number; method: OfferedMethod; plugin: string; challenge: object; shown: string } | null>;
  /** Null: the work has failed, and is paid for still, or what is named is to be paid back. Not kept: another has taken it over. */
  finishChallenge(end: { organizationId: string; id: string; epoch: number; answer: object | null }): Promise<{
    refund: OwedRefund | null;
    kept: boolean;
  }>;
  /** Takes up what a card is owed, also for work that nobody came back for within `leftMs`; null where somebody else has. */
  takeOwed(key: { organizationId: string; id: string; leftMs: number }): Promise<OwedRefund | null>;
  /** The service has refused it, and had refused it so often before; counted once for each. False: it is counted, or owed no more. */
  noteRefusedRefund(refused: { organizationId: string; id: string; refusals: number }): Promise<boolean>;
  /** Books that it was paid back, once. */
  refundChallenge(key: { organizationId: string; id: string }): Promise<boolean>;
  /** Books what the operator paid back of one on a chain; false: that was booked before. Throws `not_found`, `payment_not_owed`, `idempotency_mismatch`. */
  payBackByHand(paid: { organizationId: string; id: string; reference: string }): Promise<boolean>;

  /** Takes up a channel that is to be looked at; null where somebody else has. Where it is not left, it is looked at later and later. */
  takeChannel(key: { organizationId: string; id: string; idleMs: number }): Promise<{ isIdle: boolean } | null>;
  /** It was looked at. */
  leaveChannel(key: { organizationId: string; id: string }): Promise<boolean>;
  readChannel(key: { organizationId: string; id: string }): Promise<KeptChannel | null>;
  /** False where it has changed since that version; null: it is new. */
  writeChannel(channel: { organizationId: string; id: string; version: number | null } & ChannelChange): Promise<boolean>;
  /** What was sold for it, with what is under way, and what was signed for. */
  channelSums(key: { organizationId: string; id: string }): Promise<{ spentMicros: number; voucherMicros: number; units: number } | null>;
  reserveInChannel(order: {
    organizationId: string;
    id: string;
    channelId: string;
    plugin: string;
    amountMicros: number;
    callKey: string | null;
  }): Promise<ChannelReserved>;

  reserveInSession(reservation: SessionReservation): Promise<Reserved>;
  reserveCredits(reservation: CreditsReservation): Promise<CreditsReserved>;
  /** Whoever is at it is alive. False: it has ended. */
  holdPurchase(key: { organizationId: string; id: string }): Promise<boolean>;
  /** Takes the money, with the answer under the call's key, or lets it go. False: it has ended otherwise, or the key is another's: nobody may be given the answer. */
  endPurchase(key: { organizationId: string; id: string; capture: boolean; keep?: KeptAnswer | null }): Promise<boolean>;
  /** Lets one go of which nothing was heard for so long. */
  releaseLeft(key: { organizationId: string; id: string; quietMs: number }): Promise<boolean | Unsettled>;
}
