import { branchesInput, cancelInput, changeMessageInput, conversationInput, cursor, rowIndex, stopInput } from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";
import { streamDrain } from "./stream-drain.ts";

/** The current branch where none is named; the newest part of it without `before`. */
const getInput = conversationInput.extend({ branch: rowIndex.optional(), before: cursor.optional() });
const drainStreamInput = conversationInput.extend({ lastEventId: cursor.nullish() });

export const conversation = {
  get: procedure("conversation.get")
    .input(getInput)
    .query(({ ctx, input }) => ctx.gateway.getConversation(ctx.caller, input)),

  branches: procedure("conversation.branches")
    .input(branchesInput)
    .query(({ ctx, input }) => ctx.gateway.listBranches(ctx.caller, input)),

  runState: procedure("conversation.runState")
    .input(conversationInput)
    .query(({ ctx, input }) => ctx.gateway.getRunState(ctx.caller, input.conversationId)),

  message: procedure("conversation.message")
    .input(cancelInput)
    .query(({ ctx, input }) => ctx.gateway.getMessage(ctx.caller, input)),

  stop: changing("conversation.stop")
    .input(stopInput)
    .mutation(({ ctx, input }) => ctx.gateway.stopConversation(ctx.caller, input, ctx.once)),

  cancelMessage: changing("conversation.cancelMessage")
    .input(cancelInput)
    .mutation(({ ctx, input }) => ctx.gateway.cancelMessage(ctx.caller, input, ctx.once)),

  changeMessage: changing("conversation.changeMessage")
    .input(changeMessageInput)
    .mutation(({ ctx, input }) => ctx.gateway.changeMessage(ctx.caller, input, ctx.once)),

  clearQueue: changing("conversation.clearQueue")
    .input(conversationInput)
    .mutation(({ ctx, input }) => ctx.gateway.clearQueue(ctx.caller, input.conversationId, ctx.once)),

  drain: changing("conversation.drain")
    .input(conversationInput)
    .mutation(({ ctx, input }) => ctx.gateway.drainConversation(ctx.caller, input.conversationId, ctx.once)),

  reset: changing("conversation.reset")
    .input(conversationInput)
    .mutation(({ ctx, input }) => ctx.gateway.resetConversation(ctx.caller, input.conversationId, ctx.once)),

  drainStream: changing("conversation.drainStream")
    .input(drainStreamInput)
    .subscription(({ ctx, input: { conversationId, lastEventId } }) => streamDrain({ ...ctx, conversationId, after: lastEventId ?? null })),
} satisfies ProceduresOf<"conversation">;
