import type { Limits } from "@parley/contracts";
import type { Log } from "../logger.ts";
import type { ChannelPayments } from "./channel-payments.ts";
import type { PaymentStore } from "./payment-store.ts";
import { bookOf } from "./sell-in-channels.ts";

const CHANNELS_MAX = 100;

interface ReviewPorts {
  payments: Pick<PaymentStore, "readChannel" | "writeChannel">;
  sweep: {
    findOpenChannels(options: { idleMs: number; rowsMax: number }): Promise<{ organizationId: string; id: string; isIdle: boolean }[]>;
  };
  channels: Pick<ChannelPayments, "review"> | null;
  limits: Pick<Limits, "channelIdleMs">;
  log: Log;
}

/** Collects what was spent through channels: of those that nobody uses, and of those whose payers are leaving. */
export async function reviewChannels({ payments, sweep, channels, limits, log }: ReviewPorts): Promise<void> {
  if (channels === null) return;
  for (const { organizationId, id, isIdle } of await sweep.findOpenChannels({ idleMs: limits.channelIdleMs, rowsMax: CHANNELS_MAX })) {
    try {
      await channels.review(id, { isIdle, book: bookOf({ payments }, organizationId) });
    } catch (error) {
      log.warn({ err: error, channelId: id }, "a channel stays open");
    }
  }
}
