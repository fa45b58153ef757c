import { listMemoriesInput, memoryInput, storeMemoryInput } from "@parley/contracts";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

export const memory = {
  list: procedure("memory.list")
    .input(listMemoriesInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listMemories(ctx.caller, input)),

  store: changing("memory.store")
    .input(storeMemoryInput)
    .mutation(({ ctx, input }) => ctx.gateway.storeMemory(ctx.caller, input, ctx.once)),

  delete: changing("memory.delete")
    .input(memoryInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.deleteMemory(ctx.caller, input.memoryId, ctx.once);
      return { deleted: true as const };
    }),
} satisfies ProceduresOf<"memory">;
