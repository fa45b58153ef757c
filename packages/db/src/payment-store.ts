import type { WalletSession } from "@parley/contracts";
import type { ChallengeClaim, ChannelReserved, CreditsReserved, KeptChannel, PaymentStore, Reserved, Unsettled } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

export const createPaymentStore = (sql: Sql): PaymentStore => ({
  takePlanEvent: (event) => call<boolean>(sql, "take_plan_event", event),

  readPlan: (organizationId, invoicesMax) =>
    call<Awaited<ReturnType<PaymentStore["readPlan"]>>>(sql, "read_plan", { organizationId, invoicesMax }),

  notePlanCheckout: (checkout) => call<string | null>(sql, "note_plan_checkout", checkout),

  customerOf: (organizationId) => call<string | null>(sql, "read_card_customer", { organizationId }),

  async payerOf(paymentId) {
    const rows = await guarded(sql<{ payer: string | null }[]>`select card_payer(${paymentId}) as payer`);
    return first(rows).payer;
  },

  async sessionOwner({ sessionId, wallet }) {
    const rows = await guarded(sql<{ owner: string | null }[]>`select wallet_session_owner(${sessionId}, ${wallet}) as owner`);
    return first(rows).owner;
  },

  openSession: (session) => call<Awaited<ReturnType<PaymentStore["openSession"]>>>(sql, "open_wallet_session", session),

  topUpSession: (order) => call<WalletSession | null>(sql, "top_up_wallet_session", order),

  listSessions: (organizationId, of) => call<WalletSession[]>(sql, "list_wallet_sessions", { organizationId, ...of }),

  closeSession: (key) => call<WalletSession | null>(sql, "close_wallet_session", key),

  expireSession: (key) => call<boolean | Unsettled>(sql, "expire_wallet_session", key),

  async challengeOwner(challengeId) {
    const rows = await guarded(sql<{ owner: string | null }[]>`select challenge_owner(${challengeId}) as owner`);
    return first(rows).owner;
  },

  async offerChallenge(challenge) {
    await call(sql, "offer_challenge", challenge);
  },

  claimChallenge: (claim) => call<ChallengeClaim>(sql, "claim_challenge", claim),

  holdChallenge: (claimed) => call<boolean>(sql, "hold_challenge", claimed),

  verifyChallenge: (found) => call<"kept" | "used" | "lost">(sql, "verify_challenge", found),

  takeUnknown: (key) => call<Awaited<ReturnType<PaymentStore["takeUnknown"]>>>(sql, "take_unknown_payment", key),

  finishChallenge: (end) => call<Awaited<ReturnType<PaymentStore["finishChallenge"]>>>(sql, "finish_challenge", end),

  takeOwed: (key) => call<Awaited<ReturnType<PaymentStore["takeOwed"]>>>(sql, "take_owed_refund", key),

  noteRefusedRefund: (refused) => call<boolean>(sql, "note_refused_refund", refused),

  refundChallenge: (key) => call<boolean>(sql, "refund_challenge", key),

  payBackByHand: (paid) => call<boolean>(sql, "pay_back_by_hand", paid),

  takeChannel: (key) => call<{ isIdle: boolean } | null>(sql, "take_channel", key),

  leaveChannel: (key) => call<boolean>(sql, "leave_channel", key),

  readChannel: (key) => call<KeptChannel | null>(sql, "read_payment_channel", key),

  writeChannel: (channel) => call<boolean>(sql, "write_payment_channel", channel),

  channelSums: (key) => call<Awaited<ReturnType<PaymentStore["channelSums"]>>>(sql, "payment_channel_sums", key),

  reserveInChannel: (order) => call<ChannelReserved>(sql, "reserve_in_channel", order),

  reserveInSession: (reservation) => call<Reserved>(sql, "reserve_in_session", reservation),

  reserveCredits: (reservation) => call<CreditsReserved>(sql, "reserve_credits", reservation),

  holdPurchase: (key) => call<boolean>(sql, "hold_purchase", key),

  endPurchase: (key) => call<boolean>(sql, "end_purchase", key),

  releaseLeft: (key) => call<boolean | Unsettled>(sql, "release_left_purchase", key),

  takeCardLook: (options) => call<Awaited<ReturnType<PaymentStore["takeCardLook"]>>>(sql, "take_card_look", options),

  noteCardLook: (look) => call<boolean>(sql, "note_card_look", look),

  async oweCardEvent(event) {
    await call(sql, "owe_card_event", event);
  },

  takeOwedCardEvents: (options) => call<string[]>(sql, "take_owed_card_events", options),

  async settleOwedCardEvent(id) {
    await call(sql, "settle_owed_card_event", { id });
  },

  takeCardEvent: (organizationId, { fact, ...event }) => call<boolean>(sql, "take_card_event", { ...event, ...fact, organizationId }),
});
