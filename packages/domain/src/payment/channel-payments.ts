import type { Offer, OfferOrder, PaymentProblem } from "./chain-payments.ts";

/** What a payer wants of a channel. `open` and `voucher` may pay for the call that they come with. */
export type ChannelAction = "open" | "topUp" | "voucher" | "close";

/** A channel as it is kept: what the standard's own code knows of it, and what was sold for it. */
export interface KeptChannel {
  /** As that code writes it. */
  state: string;
  /** Grows with every change. */
  version: number;
  spentMicros: number;
  /** Set aside for calls that are under way. */
  reservedMicros: number;
  units: number;
}

/** What has become of a channel. */
export interface ChannelChange {
  state: string;
  /** Lower case. */
  payer: string;
  /** Signed for, as a total. */
  voucherMicros: number;
  depositMicros: number;
  status: "open" | "closing" | "closed";
}

/** One organization's channels. */
export interface ChannelBook {
  read(channelId: string): Promise<KeptChannel | null>;
  /** False where it has changed since that version, or is there already where it is null. */
  write(channelId: string, version: number | null, change: ChannelChange): Promise<boolean>;
}

export type ChannelStep =
  | { outcome: "accepted"; action: ChannelAction; channelId: string; challengeId: string; payer: string; txHash: string | null }
  | { outcome: "refused"; problem: PaymentProblem; challengeId: string }
  /** Calls are under way: it is closed after them. */
  | { outcome: "busy" }
  /** The chain did not answer: the same may be shown again. */
  | { outcome: "unknown" };

/** Payments by channels, behind one adapter: money locked on the chain, and signed totals beside the calls. */
export interface ChannelPayments {
  offer(order: OfferOrder): Promise<Offer>;
  /** Does what a credential asks for; whatever comes of it is in the book when this resolves. */
  act(credential: string, order: { plugin: string; amountMicros: number; book: ChannelBook }): Promise<ChannelStep>;
  /** Closes a channel that is idle, or that its payer is leaving: takes what was spent, and the rest goes back. False: it stays open. */
  review(channelId: string, order: { isIdle: boolean; book: ChannelBook }): Promise<boolean>;
}
