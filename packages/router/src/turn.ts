import { BOUNDS, conversationId, cursor, editInput, followInput, submitInput, turnId } from "@parley/contracts";
import { z } from "zod";
import { followLog } from "./follow-log.ts";
import { changing, changingStream, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";
import { streamTurn } from "./stream-turn.ts";

const resumable = { lastEventId: cursor.nullish() };
const streamInput = submitInput.safeExtend(resumable);
const editTurnInput = submitInput.safeExtend({ conversationId, ...editInput.shape });
const editStreamInput = editTurnInput.safeExtend(resumable);

const awaitInput = z.object({
  conversationId,
  turnId,
  waitMs: z.int().min(0).max(BOUNDS.syncWaitMs.ceiling).default(30_000),
});

export const turn = {
  submit: changing("turn.submit")
    .input(submitInput)
    .mutation(({ ctx, input }) =>
      ctx.gateway.submitMessage(ctx.caller, { ...input, idempotencyKey: ctx.once?.key }, { route: "turn.submit" }),
    ),

  stream: changingStream("turn.stream")
    .input(streamInput)
    .subscription(({ ctx, input: { lastEventId, ...input } }) =>
      streamTurn({
        ...ctx,
        input: { ...input, idempotencyKey: ctx.once.key },
        facts: { route: ctx.once.route },
        after: lastEventId ?? null,
      }),
    ),

  edit: changing("turn.edit")
    .input(editTurnInput)
    .mutation(({ ctx, input: { messageId, expectedVersion, ...input } }) =>
      ctx.gateway.submitMessage(
        ctx.caller,
        { ...input, idempotencyKey: ctx.once?.key },
        { route: "turn.edit", edits: { messageId, expectedVersion } },
      ),
    ),

  editStream: changingStream("turn.editStream")
    .input(editStreamInput)
    .subscription(({ ctx, input: { messageId, expectedVersion, lastEventId, ...input } }) =>
      streamTurn({
        ...ctx,
        input: { ...input, idempotencyKey: ctx.once.key },
        facts: { route: ctx.once.route, edits: { messageId, expectedVersion } },
        after: lastEventId ?? null,
      }),
    ),

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
