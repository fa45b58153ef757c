import { type Agent, conversationId, GatewayError, newId } from "@parley/contracts";
import { findAgent } from "../agent/find-agent.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { builtInPlanner, isSame, plannerId } from "./built-in-planner.ts";
import type { PlanUseCases } from "./plan-use-cases.ts";

export function openPlans(context: GatewayContext): PlanUseCases {
  const { agents, catalog, chats, executions, hashBody } = context;
  const wanted = builtInPlanner(context.planner);

  /** Made by whoever comes first; whoever changes it by hand finds it changed back by the next plan. */
  async function builtIn(organizationId: string): Promise<Agent> {
    const id = plannerId(organizationId, hashBody);
    const known = await catalog.find(organizationId, id, null);
    if (known !== null && isSame(known.config, wanted.config)) return known;
    if (known === null) return agents.create(organizationId, { id, ...wanted });
    await agents.saveDraft(organizationId, id, wanted);
    await agents.deploy(organizationId, id);
    catalog.forget(id);
    return (await catalog.find(organizationId, id, null)) ?? known;
  }

  return {
    async findPlanner(caller) {
      if (caller.agentIds === null) return builtIn(caller.organizationId);
      const [only, ...others] = caller.agentIds;
      if (only === undefined || others.length > 0) {
        throw new GatewayError("missing_scope", { text: "A plan needs a key for all agents, or for the single one that is to plan." });
      }
      return findAgent(context, caller, only);
    },

    async openSession(caller, { agentId, sessionId }) {
      const own = conversationId.safeParse(sessionId);
      if (own.success && (await isConversation(caller, agentId, own.data))) return own.data;
      const { organizationId, principalId } = caller;
      const nameHash = hashBody(JSON.stringify(["plan", principalId, sessionId]));
      return chats.open({ organizationId, agentId, nameHash }, newId<string>(), { renew: false });
    },
  };

  async function isConversation({ organizationId }: Caller, agentId: string, id: string): Promise<boolean> {
    const found = await executions.find(organizationId, id);
    return found?.mode === "root" && found.agentId === agentId;
  }
}
