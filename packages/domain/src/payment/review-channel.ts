import type { Limits } from "@parley/contracts";
import type { Log } from "../logger.ts";
import type { ChannelPayments } from "./channel-payments.ts";
import type { PaymentStore } from "./payment-store.ts";
import { bookOf } from "./sell-in-channels.ts";

interface ReviewPorts {
  payments: Pick<PaymentStore, "takeChannel" | "leaveChannel" | "readChannel" | "writeChannel">;
  /** Null: nobody pays through channels. */
  channels: Pick<ChannelPayments, "review"> | null;
  limits: Pick<Limits, "channelIdleMs">;
  log: Log;
}

/** Collects what was spent through a channel, where nobody uses it or its payer is leaving. What does not answer is looked at later and later. */
export async function reviewChannel(ports: ReviewPorts, key: { organizationId: string; id: string }): Promise<void> {
  const { payments, channels, limits, log } = ports;
  const taken = await payments.takeChannel({ ...key, idleMs: limits.channelIdleMs });
  if (taken === null || channels === null) return;
  try {
    await channels.review(key.id, { isIdle: taken.isIdle, book: bookOf({ payments }, key.organizationId) });
  } catch (error) {
    log.warn({ err: error, channelId: key.id }, "a channel stays open");
    return;
  }
  await payments.leaveChannel(key);
}
