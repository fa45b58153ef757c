import { openWalletInput, topUpWalletInput, walletInput, walletsInput } from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

/** Sessions of wallets. What goes in (`deposit`) is dollars as text, as over REST; what comes back is micro-units. */
export const wallet = {
  list: procedure("wallet.list")
    .input(walletsInput)
    .query(async ({ ctx, input }) => ({ items: await ctx.gateway.listWallets(ctx.caller, input.address) })),

  get: procedure("wallet.get")
    .input(walletInput)
    .query(({ ctx, input }) => ctx.gateway.getWallet(ctx.caller, input.sessionId)),

  open: changing("wallet.open")
    .input(openWalletInput)
    .mutation(({ ctx, input }) => ctx.gateway.openWallet(ctx.caller, input, ctx.once)),

  topUp: changing("wallet.topUp")
    .input(topUpWalletInput)
    .mutation(({ ctx, input }) => ctx.gateway.topUpWallet(ctx.caller, input, ctx.once)),

  close: changing("wallet.close")
    .input(walletInput)
    .mutation(({ ctx, input }) => ctx.gateway.closeWallet(ctx.caller, input.sessionId, ctx.once)),
} satisfies ProceduresOf<"wallet">;
