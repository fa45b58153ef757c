import { createPeerInput, pageInput, peerInput, updatePeerInput } from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

/** The registry of downstream agents. */
export const peer = {
  create: changing("peer.create")
    .input(createPeerInput)
    .mutation(({ ctx, input }) => ctx.gateway.createPeer(ctx.caller, input, ctx.once)),

  update: changing("peer.update")
    .input(updatePeerInput)
    .mutation(({ ctx, input }) => ctx.gateway.updatePeer(ctx.caller, input, ctx.once)),

  delete: changing("peer.delete")
    .input(peerInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.deletePeer(ctx.caller, input.peerId, ctx.once);
      return { deleted: true as const };
    }),

  get: procedure("peer.get")
    .input(peerInput)
    .query(({ ctx, input }) => ctx.gateway.getPeer(ctx.caller, input.peerId)),

  list: procedure("peer.list")
    .input(pageInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listPeers(ctx.caller, input)),
} satisfies ProceduresOf<"peer">;
