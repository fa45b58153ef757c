import { answerInput, cardInput, cursor, decideInput } from "@parley/contracts";
import { changing, changingStream, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";
import { streamDecision } from "./stream-decision.ts";

const resumable = { lastEventId: cursor.nullish() };

/** Decisions that people make: questions are answered, calls are approved or denied. */
export const card = {
  get: procedure("card.get")
    .input(cardInput)
    .query(({ ctx, input }) => ctx.gateway.getCard(ctx.caller, input)),

  answer: changing("card.answer")
    .input(answerInput)
    .mutation(({ ctx, input }) => ctx.gateway.answerCard(ctx.caller, input, ctx.once)),

  answerStream: changingStream("card.answerStream")
    .input(answerInput.extend(resumable))
    .subscription(({ ctx, input: { lastEventId, ...input } }) =>
      streamDecision({ ...ctx, decide: () => ctx.gateway.answerCard(ctx.caller, input, ctx.once), after: lastEventId ?? null }),
    ),

  decide: changing("card.decide")
    .input(decideInput)
    .mutation(({ ctx, input }) => ctx.gateway.decideCard(ctx.caller, input, ctx.once)),

  decideStream: changingStream("card.decideStream")
    .input(decideInput.extend(resumable))
    .subscription(({ ctx, input: { lastEventId, ...input } }) =>
      streamDecision({ ...ctx, decide: () => ctx.gateway.decideCard(ctx.caller, input, ctx.once), after: lastEventId ?? null }),
    ),
} satisfies ProceduresOf<"card">;
