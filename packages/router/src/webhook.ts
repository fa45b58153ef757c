import {
  changeEndpointInput,
  createEndpointInput,
  deliveryInput,
  endpointInput,
  listDeliveriesInput,
  pageInput,
  rotateEndpointInput,
} from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

/** Webhooks that go out: endpoints, and what they were sent. */
export const webhook = {
  create: changing("webhook.create")
    .input(createEndpointInput)
    .mutation(({ ctx, input }) => ctx.gateway.createEndpoint(ctx.caller, input, ctx.once)),

  list: procedure("webhook.list")
    .input(pageInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listEndpoints(ctx.caller, input)),

  change: changing("webhook.change")
    .input(changeEndpointInput)
    .mutation(({ ctx, input }) => ctx.gateway.changeEndpoint(ctx.caller, input, ctx.once)),

  rotate: changing("webhook.rotate")
    .input(rotateEndpointInput)
    .mutation(({ ctx, input }) => ctx.gateway.rotateEndpoint(ctx.caller, input, ctx.once)),

  delete: changing("webhook.delete")
    .input(endpointInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.deleteEndpoint(ctx.caller, input.endpointId, ctx.once);
      return { deleted: true as const };
    }),

  deliveries: procedure("webhook.deliveries")
    .input(listDeliveriesInput)
    .query(({ ctx, input }) => ctx.gateway.listDeliveries(ctx.caller, input)),

  replay: changing("webhook.replay")
    .input(deliveryInput)
    .mutation(({ ctx, input }) => ctx.gateway.replayDelivery(ctx.caller, input.deliveryId, ctx.once)),
} satisfies ProceduresOf<"webhook">;
