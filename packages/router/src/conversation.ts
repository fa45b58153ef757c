import { cancelInput, conversationInput, cursor, stopInput } from "@parley/contracts";
import { procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";
import { streamDrain } from "./stream-drain.ts";

const drainStreamInput = conversationInput.extend({ lastEventId: cursor.nullish() });

export const conversation = {
  get: procedure("conversation.get")
    .input(conversationInput)
    .query(({ ctx, input }) => ctx.gateway.getConversation(ctx.caller, input.conversationId)),

  runState: procedure("conversation.runState")
    .input(conversationInput)
    .query(({ ctx, input }) => ctx.gateway.getRunState(ctx.caller, input.conversationId)),

  stop: procedure("conversation.stop")
    .input(stopInput)
    .mutation(({ ctx, input }) => ctx.gateway.stopConversation(ctx.caller, input)),

  cancelMessage: procedure("conversation.cancelMessage")
    .input(cancelInput)
    .mutation(({ ctx, input }) => ctx.gateway.cancelMessage(ctx.caller, input)),

  clearQueue: procedure("conversation.clearQueue")
    .input(conversationInput)
    .mutation(({ ctx, input }) => ctx.gateway.clearQueue(ctx.caller, input.conversationId)),

  drain: procedure("conversation.drain")
    .input(conversationInput)
    .mutation(({ ctx, input }) => ctx.gateway.drainConversation(ctx.caller, input.conversationId)),

  drainStream: procedure("conversation.drainStream")
    .input(drainStreamInput)
    .subscription(({ ctx, input: { conversationId, lastEventId } }) => streamDrain({ ...ctx, conversationId, after: lastEventId ?? null })),
} satisfies ProceduresOf<"conversation">;
