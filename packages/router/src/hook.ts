import { changeHookInput, createHookInput, hookInput, pageInput, rotateHookInput } from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

/** Webhooks that come in. */
export const hook = {
  create: changing("hook.create")
    .input(createHookInput)
    .mutation(({ ctx, input }) => ctx.gateway.createHook(ctx.caller, input, ctx.once)),

  list: procedure("hook.list")
    .input(pageInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listHooks(ctx.caller, input)),

  change: changing("hook.change")
    .input(changeHookInput)
    .mutation(({ ctx, input }) => ctx.gateway.changeHook(ctx.caller, input, ctx.once)),

  rotate: changing("hook.rotate")
    .input(rotateHookInput)
    .mutation(({ ctx, input }) => ctx.gateway.rotateHook(ctx.caller, input, ctx.once)),

  delete: changing("hook.delete")
    .input(hookInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.deleteHook(ctx.caller, input.hookId, ctx.once);
      return { deleted: true as const };
    }),
} satisfies ProceduresOf<"hook">;
