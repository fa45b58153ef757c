import type { JobPayload, Limits } from "@parley/contracts";
import type { Log } from "../logger.ts";
import type { ChainPayments } from "./chain-payments.ts";
import type { ChannelPayments } from "./channel-payments.ts";
import { payOwedRefund } from "./pay-owed-refund.ts";
import type { PaymentStore, Unsettled } from "./payment-store.ts";
import { reconcilePayment } from "./reconcile-payment.ts";
import { reviewChannel } from "./review-channel.ts";
import type { TokenPayments } from "./token-payments.ts";

/** What is settled needs this of its store. */
export type SettledPayments = Pick<
  PaymentStore,
  | "releaseLeft"
  | "takeUnknown"
  | "verifyChallenge"
  | "takeOwed"
  | "noteRefusedRefund"
  | "refundChallenge"
  | "takeChannel"
  | "leaveChannel"
  | "readChannel"
  | "expireSession"
  | "writeChannel"
>;

interface SettlePorts {
  payments: SettledPayments;
  chain: Pick<ChainPayments, "verify"> | null;
  channels: Pick<ChannelPayments, "review"> | null;
  tokens: Pick<TokenPayments, "verify" | "refund"> | null;
  limits: Pick<Limits, "purchaseKeptMs" | "channelIdleMs" | "sessionIdleMs">;
  log: Log;
}

/**
 * Does what is left to do of one payment: what was set aside goes back, also of a session that nobody uses, what may have been paid is looked for, a card is paid back, a channel is collected from. Safe to run
 * twice.
 */
export async function settlePayment(ports: SettlePorts, { kind, ...key }: JobPayload<"payment.settle">): Promise<void> {
  switch (kind) {
    case "challenge":
      return reconcilePayment(ports, key);
    case "refund":
      return payOwedRefund(ports, key);
    case "channel":
      return reviewChannel(ports, key);
    case "session":
      return tell(await ports.payments.expireSession({ ...key, idleMs: ports.limits.sessionIdleMs }));
    case "purchase":
      // Nobody is known to have been given anything for it.
      return tell(await ports.payments.releaseLeft({ ...key, quietMs: ports.limits.purchaseKeptMs }));
  }

  function tell(settled: boolean | Unsettled): void {
    if (typeof settled !== "boolean")
      ports.log.error({ kind, ...key, ...settled }, "a payment cannot be settled; it is looked at again later");
  }
}
