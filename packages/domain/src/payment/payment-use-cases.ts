import type {
  Checkout,
  CheckoutInput,
  CheckoutName,
  CheckoutState,
  OpenWallet,
  PayBackInput,
  Plans,
  Subscribe,
  TakeVoucher,
  TopUpWallet,
  WalletSession,
} from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";
import type { CredentialReader, Offer, OfferOrder, ReadCredential } from "./chain-payments.ts";
import type {
  CallOrder,
  ChannelCall,
  ChannelPurchase,
  CredentialPurchase,
  NamedSession,
  PayingSession,
  ProvedSession,
  Purchase,
  SessionPurchase,
  ShownCredential,
  ShownToChannel,
} from "./purchase.ts";
import type { AcceptedPayment } from "./rank-offers.ts";

/** Money in, and what is sold for it. */
export interface PaymentUseCases {
  /** What a checkout for a call of that price charges, and gives as credits; null where there are none here. */
  offerCheckout(priceMicros: number): { amountMicros: number } | null;
  /** Throws `payments_not_configured`, `payment_failed`, `invalid_input` for a pack or a plugin that is not sold. */
  createCheckout(caller: Caller, input: CheckoutInput, once?: Once): Promise<Checkout>;
  /** Books what Stripe says of a checkout of the caller's, as its event would. Throws `not_found`. */
  verifyCheckout(caller: Caller, checkout: CheckoutName): Promise<{ sessionId: string; status: CheckoutState }>;
  /** What is sold by the month, and what the caller's organization has of it. */
  listPlans(caller: Caller): Promise<Plans>;
  /** Where to pay for a plan. Throws as `createCheckout` does, and `plan_active`. */
  subscribe(caller: Caller, input: Subscribe, once?: Once): Promise<Checkout>;
  /** Where the organization looks after its cards and receipts. `not_found` where it has never paid. */
  openPortal(caller: Caller): Promise<{ url: string }>;
  /**
   * Takes what the payment service tells; when this resolves it is booked. Throws `payment_refused` where the signature is not right, and something
   * that may be tried again where we are not able to book it.
   */
  receiveCardEvent(delivery: { body: Uint8Array; signature: string }): Promise<void>;

  /**
   * What was paid on a chain for work that cannot be done was paid back by the operator: booked once, and its end. `done` is false where it was booked before. Throws `not_found`,
   * `payment_not_owed`, and `idempotency_mismatch` where it was paid back by another transfer.
   */
  payBackByHand(input: PayBackInput, once?: Once): Promise<{ done: boolean }>;

  /** Sets money aside for one wallet; an open session of its is answered as it is. Throws `budget_exhausted`. */
  openWallet(caller: Caller, input: OpenWallet, once?: Once): Promise<{ created: boolean; session: WalletSession }>;
  /** Throws `not_found`, `limit_reached`, `budget_exhausted`. */
  topUpWallet(caller: Caller, input: TopUpWallet, once?: Once): Promise<WalletSession>;
  /** Newest first. */
  listWallets(caller: Caller, wallet: string): Promise<WalletSession[]>;
  getWallet(caller: Caller, sessionId: string): Promise<WalletSession>;
  /** What is left goes back once nothing is under way: until then it is `closing`. */
  closeWallet(caller: Caller, sessionId: string, once?: Once): Promise<WalletSession>;
  /** Pays one call by what a wallet has signed. Throws `bad_request` with the contract's words, `voucher_failed`. */
  takeVoucher(input: TakeVoucher, once?: Once): Promise<{ session: WalletSession; amountMicros: number; receipt: string }>;

  /** Asks for a payment of one call, in every way that the payer accepts and in its order; empty where there is nobody to be paid. */
  offerCall(organizationId: string, order: OfferOrder, accepted: readonly AcceptedPayment[] | null): Promise<Offer[]>;
  /** Null where it is no credential. Throws `payments_not_configured`. */
  readCredential: CredentialReader;
  /** Buys one call of that organization's with what was paid for it, once. Throws `payment_pending`. */
  buyWithCredential(organizationId: string, read: ReadCredential | null, shown: ShownCredential): Promise<CredentialPurchase>;
  /** Takes what a payer shows for a channel of that organization; no money is taken for it. Throws `payment_pending`. */
  showToChannel(
    organizationId: string,
    shown: Omit<ShownCredential, "digest">,
    order: { challengeId: string; amountMicros: number },
  ): Promise<ShownToChannel>;
  /** Sets the price aside in a channel that something was shown for. */
  buyInChannel(organizationId: string, call: ChannelCall, order: CallOrder): Promise<ChannelPurchase>;
  /** Micro-units of one call; null where it has no price. */
  priceOf(organizationId: string, plugin: string): Promise<number | null>;
  /** A session for calls of that plugin, where the caller is its owner or its wallet has signed for it. Throws `session_invalid`, `unknown_plugin`, and `missing_scope` where a key for some agents shows nothing that is signed. */
  proveSession(caller: Caller | null, session: NamedSession, plugin: string): Promise<ProvedSession>;
  /** Sets the price aside in the caller's credits; waits for what others hold until the signal aborts. Throws `budget_exhausted`, `payment_pending`. */
  buyWithCredits(caller: Caller, order: CallOrder, signal: AbortSignal): Promise<Purchase>;
  /** The same in a session, without waiting. Throws `payment_pending`. */
  buyInSession(session: PayingSession, order: CallOrder): Promise<SessionPurchase>;
}
