import { procedure, publicProcedure } from "./procedure.ts";
import type { ProceduresOf } from "./registry.ts";

export const system = {
  whoami: procedure("system.whoami").query(({ ctx: { caller } }) => ({
    organizationId: caller.organizationId,
    principalId: caller.principalId,
    scopes: [...caller.scopes],
    agentIds: caller.agentIds && [...caller.agentIds],
  })),

  health: publicProcedure("system.health").query(() => ({ status: "ok" as const })),
} satisfies ProceduresOf<"system">;
