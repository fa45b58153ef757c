import { GatewayError, newId } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { ChannelBook } from "./channel-payments.ts";
import { callKeyOf, holdPurchase } from "./hold-purchase.ts";
import { PROBLEMS } from "./payment-problems.ts";
import type { ChannelReserved, PaymentStore } from "./payment-store.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";
import type { CallOrder, ChannelCall, ChannelReceipt, Purchase } from "./purchase.ts";

/** How often somebody who waits for a voucher looks for it. */
const LOOK_MS = 250;

type ChannelUseCases = Pick<PaymentUseCases, "showToChannel" | "buyInChannel">;
type Kept = Pick<Extract<ChannelReserved, { outcome: "reserved" }>, "spentMicros" | "voucherMicros" | "units">;

export const bookOf = (
  { payments }: { payments: Pick<PaymentStore, "readChannel" | "writeChannel"> },
  organizationId: string,
): ChannelBook => ({
  read: (id) => payments.readChannel({ organizationId, id }),
  write: (id, version, change) => payments.writeChannel({ organizationId, id, version, ...change }),
});

/** As the standard has it: amounts of the token's smallest unit, which is our micro-unit. */
const receiptOf = ({ channelId, challengeId, txHash }: ChannelCall, kept: Kept, now: number): ChannelReceipt => ({
  ...{ method: "tempo", intent: "session", status: "success", timestamp: new Date(now).toISOString(), reference: channelId },
  ...{ challengeId, channelId, acceptedCumulative: String(kept.voucherMicros), spent: String(kept.spentMicros), units: kept.units },
  ...(txHash !== null && { txHash }),
});

const headerOf = (receipt: ChannelReceipt): string => Buffer.from(JSON.stringify(receipt)).toString("base64url");

/** Calls that are paid through channels: a signed total is kept if it is the highest, and each call is taken off it before it is made. */
export function sellInChannels(context: GatewayContext): ChannelUseCases {
  const { payments, channels, clock, limits } = context;

  async function receiptNow(organizationId: string, call: ChannelCall): Promise<ChannelReceipt> {
    const kept = await payments.channelSums({ organizationId, id: call.channelId });
    if (kept === null) throw new GatewayError("internal", { detail: "a channel that was used is not there" });
    return receiptOf(call, kept, clock.now());
  }

  function purchaseOf(key: { organizationId: string; id: string }, { under }: CallOrder, call: ChannelCall, reserved: Kept): Purchase {
    const kept = holdPurchase(context, { ...key, under });
    return {
      id: key.id,
      receipt: headerOf(receiptOf(call, reserved, clock.now())),
      remainingMicros: null,
      whenFailed: "letGo",
      async settle(outcome, answer) {
        await kept.end(outcome, answer);
        return receiptNow(key.organizationId, call);
      },
    };
  }

  async function reserve(organizationId: string, call: ChannelCall, order: CallOrder) {
    const { plugin, amountMicros, under } = order;
    const key = { organizationId, id: newId<string>() };
    const callKey = callKeyOf(under);
    const reserved = await payments.reserveInChannel({ ...key, channelId: call.channelId, plugin, amountMicros, callKey });
    if (reserved.outcome === "reserved") return purchaseOf(key, order, call, reserved);
    return reserved;
  }

  return {
    async showToChannel(organizationId, { credential, plugin }, { challengeId, amountMicros }) {
      const refused = (problem: (typeof PROBLEMS)["used"]) => ({ outcome: "refused", problem, dialect: "mpp", challengeId }) as const;
      if (channels === null) return refused(PROBLEMS.unsupported);
      const step = await channels.act(credential, { plugin, amountMicros, book: bookOf(context, organizationId) });
      if (step.outcome === "refused") return refused(step.problem);
      // Nothing was taken: the same may be shown again.
      if (step.outcome === "unknown") throw new GatewayError("payment_pending", { retryAfterSeconds: 5 });
      if (step.outcome === "busy")
        throw new GatewayError("payment_pending", { text: "Calls of this channel are under way.", retryAfterSeconds: 2 });
      const { outcome: _, ...call } = step;
      return { outcome: "shown", call, receipt: headerOf(await receiptNow(organizationId, call)) };
    },

    async buyInChannel(organizationId, call, order) {
      const first = await reserve(organizationId, call, order);
      if ("settle" in first) return { outcome: "bought", purchase: first };
      if (first.outcome === "gone") return { outcome: "refused", problem: PROBLEMS.endedChannel };
      const need = {
        channelId: call.channelId,
        requiredCumulative: String(first.requiredMicros),
        acceptedCumulative: String(first.voucherMicros),
        deposit: String(first.depositMicros),
      };
      /** Until the payer has signed for more, elsewhere; null where it takes too long. */
      async function wait(signal: AbortSignal): Promise<Purchase | null> {
        const endMs = clock.monotonicMs() + limits.voucherWaitMs;
        while (clock.monotonicMs() < endMs) {
          await clock.sleep(LOOK_MS, signal);
          signal.throwIfAborted();
          const next = await reserve(organizationId, call, order);
          if ("settle" in next) return next;
          if (next.outcome === "gone") return null;
        }
        return null;
      }
      return { outcome: "short", problem: PROBLEMS.shortChannel, challengeId: call.challengeId, need, wait };
    },
  };
}
