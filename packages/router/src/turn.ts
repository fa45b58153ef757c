import { BOUNDS, conversationId, cursor, followInput, submitInput, turnId } from "@parley/contracts";
import { z } from "zod";
import { followLog } from "./follow-log.ts";
import { procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";
import { streamTurn } from "./stream-turn.ts";

/** The key is needed: a stream that reconnects sends its message again, which must not run twice. */
const streamInput = submitInput.safeExtend({
  idempotencyKey: z.string().min(1).max(255),
  lastEventId: cursor.nullish(),
});

const awaitInput = z.object({
  conversationId,
  turnId,
  waitMs: z.int().min(0).max(BOUNDS.syncWaitMs.ceiling).default(30_000),
});

export const turn = {
  submit: procedure("turn.submit")
    .input(submitInput)
    .mutation(({ ctx, input }) => ctx.gateway.submitMessage(ctx.caller, input, { route: "turn.submit" })),

  stream: procedure("turn.stream")
    .input(streamInput)
    .subscription(({ ctx, input: { lastEventId, ...input } }) => streamTurn({ ...ctx, input, after: lastEventId ?? null })),

  follow: procedure("turn.follow")
    .input(followInput)
    .subscription(async function* ({ ctx, input }) {
      const after = input.lastEventId ?? input.after;
      const { conversationId } = input;
      const following = await ctx.gateway.followConversation(ctx.caller, { conversationId, after, signal: ctx.leaving });
      yield* followLog({ following, endsWith: () => false, leaving: ctx.leaving });
    }),

  await: procedure("turn.await")
    .input(awaitInput)
    .query(({ ctx, input }) => ctx.gateway.awaitTurn(ctx.caller, { ...input, signal: ctx.leaving })),
} satisfies ProceduresOf<"turn">;
