import { GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { HeldKey } from "../idempotency/held-key.ts";
import { sayAlive, untilHeard } from "./say-alive.ts";

/** Whoever holds a payment and says nothing for so long has died with it. */
export const QUIET_MS = 45_000;

type Ports = Pick<GatewayContext, "payments" | "clock" | "log">;

export const callKeyOf = (under: HeldKey | null): string | null =>
  under === null ? null : `${under.principalId} ${under.route} ${under.idempotencyKey}`;

/**
 * Money that was set aside, until it is taken or let go: says all the time that somebody is at it. Its end is asked for until it is heard, because what was not
 * heard may have been done; asked twice it is done once.
 */
export function holdPurchase(ports: Ports, { under, ...key }: { organizationId: string; id: string; under: HeldKey | null }) {
  const { payments, clock } = ports;
  const hush = sayAlive(ports, () => payments.holdPurchase(key));
  return {
    async end(outcome: "done" | "failed", answer?: object): Promise<void> {
      const capture = outcome === "done";
      const keep = capture && under !== null && answer !== undefined ? { ...under, answer } : null;
      const ended = await untilHeard(clock, () => payments.endPurchase({ ...key, capture, keep })).finally(hush);
      if (capture && !ended) throw new GatewayError("payment_pending", { retryAfterSeconds: 2 });
    },
  };
}
