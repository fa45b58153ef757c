import { deleteExecutionInput, executionInput, listExecutionsInput, threadInput } from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

export const execution = {
  get: procedure("execution.get")
    .input(executionInput)
    .query(({ ctx, input }) => ctx.gateway.getExecution(ctx.caller, input.executionId)),

  list: procedure("execution.list")
    .input(listExecutionsInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listExecutions(ctx.caller, input)),

  thread: procedure("execution.thread")
    .input(threadInput)
    .query(({ ctx, input }) => ctx.gateway.getThread(ctx.caller, input)),

  fullThread: procedure("execution.fullThread")
    .input(threadInput)
    .query(({ ctx, input }) => ctx.gateway.getFullThread(ctx.caller, input)),

  stop: changing("execution.stop")
    .input(executionInput)
    .mutation(({ ctx, input }) => ctx.gateway.stopExecution(ctx.caller, input.executionId, ctx.once)),

  delete: changing("execution.delete")
    .input(deleteExecutionInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.deleteExecution(ctx.caller, input, ctx.once);
      return { deleted: true as const };
    }),
} satisfies ProceduresOf<"execution">;
