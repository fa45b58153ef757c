export * from "./a2a/a2a-store.ts";
export * from "./a2a/a2a-use-cases.ts";
export * from "./a2a/send-a2a-push.ts";
export * from "./activity/activity-store.ts";
export * from "./activity/activity-use-cases.ts";
export * from "./administration/administration.ts";
export * from "./administration/administration-store.ts";
export * from "./agent/agent-store.ts";
export * from "./billing/billing-store.ts";
export * from "./billing/billing-use-cases.ts";
export * from "./billing/usage-note-store.ts";
export * from "./billing/usage-store.ts";
export * from "./chat/chat-store.ts";
export * from "./chat/chat-use-cases.ts";
export * from "./clock.ts";
export * from "./compaction/compaction-store.ts";
export * from "./conversation/check-message.ts";
export * from "./conversation/conversation-store.ts";
export * from "./create-gateway.ts";
export * from "./direct/call-direct.ts";
export * from "./direct/direct-call-store.ts";
export * from "./direct/direct-models.ts";
export * from "./direct/resolve-model.ts";
export * from "./engine.ts";
export * from "./engine-metrics.ts";
export * from "./gateway.ts";
export * from "./gateway-ports.ts";
export * from "./hook/hook-store.ts";
export * from "./hook/hook-use-cases.ts";
export * from "./idempotency/claim-call.ts";
export * from "./idempotency/held-key.ts";
export * from "./idempotency/repeat-store.ts";
export * from "./identity/caller.ts";
export * from "./identity/key-store.ts";
export * from "./identity/session-store.ts";
export * from "./identity/vault.ts";
export * from "./job-queue.ts";
export * from "./log/live-tail.ts";
export * from "./log/log-store.ts";
export * from "./logger.ts";
export * from "./media/blob-store.ts";
export * from "./media/media-store.ts";
export * from "./media/media-use-cases.ts";
export * from "./media/take-in.ts";
export * from "./memory/memory-store.ts";
export { isPicture } from "./model/is-picture.ts";
export * from "./model/model.ts";
export * from "./payment/card-payments.ts";
export * from "./payment/chain-payments.ts";
export * from "./payment/channel-payments.ts";
export * from "./payment/payment-store.ts";
export * from "./payment/payment-use-cases.ts";
export type {
  CallOrder,
  ChannelPurchase,
  NamedSession,
  Purchase,
  RefusedCredential,
  SessionPurchase,
  ShownCredential,
} from "./payment/purchase.ts";
export type { AcceptedPayment } from "./payment/rank-offers.ts";
export * from "./payment/token-payments.ts";
export * from "./payment/vouchers.ts";
export * from "./peer/gateway-probe.ts";
export * from "./peer/peer-client.ts";
export * from "./peer/peer-key-store.ts";
export * from "./peer/peer-store.ts";
export * from "./peer/peer-use-cases.ts";
export * from "./plan/plan-use-cases.ts";
export * from "./plan/told-history.ts";
export * from "./responses/create-response.ts";
export type { Remembered } from "./responses/gather-context.ts";
export { readInput } from "./responses/read-input.ts";
export * from "./responses/response.ts";
export * from "./responses/response-builder.ts";
export * from "./responses/response-failure.ts";
export * from "./responses/response-head.ts";
export * from "./responses/response-request.ts";
export * from "./responses/response-store.ts";
export type { Responses } from "./responses/responses.ts";
export * from "./sweep/sweep-store.ts";
export * from "./turn/agent-tool.ts";
export { storable } from "./turn/storable.ts";
export * from "./turn/turn-store.ts";
export * from "./webhook/send-webhook.ts";
export * from "./webhook/webhook-store.ts";
export * from "./webhook/webhook-use-cases.ts";
