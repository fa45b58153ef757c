import { conversationId, cursor, followInput, LIMITS, submitInput, turnId } from "@parley/contracts";
import { tracked } from "@trpc/server";
import { z } from "zod";
import { endedEarly, openStream } from "./open-stream.ts";
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
  waitMs: z.int().min(0).max(LIMITS.syncWaitMs).default(30_000),
});

export const turn = {
  submit: procedure("turn.submit")
    .input(submitInput)
    .mutation(({ ctx, input }) => ctx.gateway.submitMessage(ctx.caller, input, { route: "turn.submit" })),

  stream: procedure("turn.stream")
    .input(streamInput)
    .subscription(({ ctx, input: { lastEventId, ...input }, signal: leaving }) =>
      openStream({
        ctx,
        leaving,
        items: (signal) => streamTurn({ gateway: ctx.gateway, caller: ctx.caller, input, after: lastEventId ?? null, signal }),
      }),
    ),

  follow: procedure("turn.follow")
    .input(followInput)
    .subscription(({ ctx, input, signal: leaving }) =>
      openStream({
        ctx,
        leaving,
        async *items(signal) {
          const after = input.lastEventId ?? input.after;
          const { events } = await ctx.gateway.followConversation(ctx.caller, { conversationId: input.conversationId, after, signal });
          for await (const event of events) yield tracked(event.cursor, event);
          throw endedEarly();
        },
      }),
    ),

  await: procedure("turn.await")
    .input(awaitInput)
    .query(({ ctx, input, signal }) => ctx.gateway.awaitTurn(ctx.caller, { ...input, signal: signal ?? new AbortController().signal })),
} satisfies ProceduresOf<"turn">;
