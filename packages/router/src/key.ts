import { createKeyInput, keyId, pageInput, rotateKeyInput } from "@parley/contracts";
import { z } from "zod";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

/** The keys of the caller's own organization. */
export const key = {
  create: changing("key.create")
    .input(createKeyInput)
    .mutation(({ ctx, input }) => ctx.gateway.createKey(ctx.caller.organizationId, input, ctx.caller, ctx.once)),

  list: procedure("key.list")
    .input(pageInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listKeys(ctx.caller.organizationId, input)),

  rotate: changing("key.rotate")
    .input(rotateKeyInput)
    .mutation(({ ctx, input }) => ctx.gateway.rotateKey(ctx.caller.organizationId, input, ctx.caller, ctx.once)),

  revoke: changing("key.revoke")
    .input(z.object({ keyId }))
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.revokeKey(ctx.caller.organizationId, input.keyId, ctx.caller, ctx.once);
      return { revoked: true as const };
    }),
} satisfies ProceduresOf<"key">;
