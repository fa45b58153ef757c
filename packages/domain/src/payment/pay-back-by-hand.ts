import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { PaymentUseCases } from "./payment-use-cases.ts";

/** The end of what was paid on a chain for work that cannot be done. */
export const payBackByHand = (context: GatewayContext): Pick<PaymentUseCases, "payBackByHand"> => ({
  payBackByHand: (input, once) =>
    runOnce(context, { organizationId: input.organizationId, principalId: "operator" }, once, {
      input,
      run: async ({ payments }) => {
        const { organizationId, payment: id, reference } = input;
        return { done: await payments.payBackByHand({ organizationId, id, reference }) };
      },
    }),
});
