import { agentId, agentVersion, createAgentInput, pageInput, updateAgentInput } from "@parley/contracts";
import { z } from "zod";
import { changing, procedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

const agentInput = z.object({ agentId });
const agentVersionInput = agentInput.extend({ version: agentVersion.optional() });

export const agent = {
  create: changing("agent.create")
    .input(createAgentInput)
    .mutation(({ ctx, input }) => ctx.gateway.createAgent(ctx.caller, input, ctx.once)),

  update: changing("agent.update")
    .input(updateAgentInput)
    .mutation(({ ctx, input }) => ctx.gateway.updateAgent(ctx.caller, input, ctx.once)),

  deploy: changing("agent.deploy")
    .input(agentInput)
    .mutation(({ ctx, input }) => ctx.gateway.deployAgent(ctx.caller, input.agentId, ctx.once)),

  suspend: changing("agent.suspend")
    .input(agentInput)
    .mutation(({ ctx, input }) => ctx.gateway.suspendAgent(ctx.caller, input.agentId, ctx.once)),

  resume: changing("agent.resume")
    .input(agentInput)
    .mutation(({ ctx, input }) => ctx.gateway.resumeAgent(ctx.caller, input.agentId, ctx.once)),

  delete: changing("agent.delete")
    .input(agentInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.gateway.deleteAgent(ctx.caller, input.agentId, ctx.once);
      return { deleted: true as const };
    }),

  get: procedure("agent.get")
    .input(agentVersionInput)
    .query(({ ctx, input }) => ctx.gateway.getAgent(ctx.caller, input.agentId, input.version)),

  list: procedure("agent.list")
    .input(pageInput.prefault({}))
    .query(({ ctx, input }) => ctx.gateway.listAgents(ctx.caller, input)),
} satisfies ProceduresOf<"agent">;
