import { checkoutInput, checkoutName } from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

/** Credits by card. Where cards are looked after is `billing.portal`. */
export const payment = {
  checkout: changing("payment.checkout")
    .input(checkoutInput)
    .mutation(({ ctx, input }) => ctx.gateway.createCheckout(ctx.caller, input, ctx.once)),

  verify: procedure("payment.verify")
    .input(checkoutName)
    .query(({ ctx, input }) => ctx.gateway.verifyCheckout(ctx.caller, input)),
} satisfies ProceduresOf<"payment">;
