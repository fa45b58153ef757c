import { readConfig } from "@parley/api/config";
import { run } from "@parley/api/run";
import type { GatewayPorts } from "@parley/domain";
import type { BrokenGuard } from "./market.ts";

// The front door with one of its guards switched off: what the checker has to notice.
const broken = process.env["BROKEN_GUARD"] as BrokenGuard;

function without({ payments, repeats, ...ports }: GatewayPorts): GatewayPorts {
  switch (broken) {
    case "refunds":
      // What is said to be paid back is not.
      return { ...ports, payments, repeats, tokens: ports.tokens && { ...ports.tokens, refund: async () => "refunded" as const } };
    case "recovery":
      return { ...ports, payments, repeats };
    case "capture":
      // The work is done, and its money goes back.
      return { ...ports, repeats, payments: { ...payments, endPurchase: (end) => payments.endPurchase({ ...end, capture: false }) } };
    case "keys":
      // Whoever repeats a call makes another, and no answer is kept with its payment.
      return {
        ...ports,
        payments: { ...payments, endPurchase: (end) => payments.endPurchase({ ...end, keep: null }) },
        repeats: { ...repeats, claim: async () => ({ state: "claimed" }) },
      };
    case "challenges":
      // What is paid is not noted: its payer is asked to pay again.
      return {
        ...ports,
        repeats,
        payments: {
          ...payments,
          verifyChallenge: (found) => payments.verifyChallenge({ ...found, outcome: "refused" }),
        },
      };
    case "events":
      // Every delivery of an event is another one.
      return {
        ...ports,
        repeats,
        payments: {
          ...payments,
          takeCardEvent: (owner, event) =>
            payments.takeCardEvent(owner, {
              ...event,
              id: `${event.id}-${Math.random()}`,
              paymentId: `${event.paymentId}-${Math.random()}`,
            }),
        },
      };
  }
}

await run(readConfig(), without);
