import { type Agent, type AgentConfig, type AgentId, GatewayError, newId } from "@parley/contracts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { checkConfig } from "./check-config.ts";
import { findAgent } from "./find-agent.ts";

type ManageAgents = Pick<Gateway, "createAgent" | "updateAgent" | "deployAgent" | "getAgent" | "listAgents">;

export function manageAgents(context: GatewayContext): ManageAgents {
  const { agents, catalog, limits } = context;

  async function check(caller: Caller, config: AgentConfig): Promise<void> {
    checkConfig(config, limits);
    for (const { agentId } of config.subAgents) await findAgent(context, caller, agentId);
  }

  async function changed(caller: Caller, agentId: string, version?: "draft"): Promise<Agent> {
    catalog.forget(agentId);
    return findAgent(context, caller, agentId, version);
  }

  return {
    async createAgent(caller, { name, description, config }) {
      // A key for some agents only could not use the one it makes.
      if (caller.agentIds !== null) throw new GatewayError("missing_scope");
      await check(caller, config);
      return agents.create(caller.organizationId, { id: newId<AgentId>(), name, description, config });
    },
    async updateAgent(caller, { agentId, name, description, config }) {
      catalog.forget(agentId);
      const draft = await findAgent(context, caller, agentId, "draft");
      if (config !== undefined) await check(caller, config);
      await agents.saveDraft(caller.organizationId, agentId, {
        name: name ?? draft.name,
        description: description ?? draft.description,
        config: config ?? draft.config,
      });
      return changed(caller, agentId, "draft");
    },
    async deployAgent(caller, agentId) {
      await findAgent(context, caller, agentId);
      await agents.deploy(caller.organizationId, agentId);
      return changed(caller, agentId);
    },
    getAgent: (caller, agentId, version) => findAgent(context, caller, agentId, version),
    async listAgents(caller) {
      return (await agents.list(caller.organizationId)).filter((agent) => mayUseAgent(caller, agent.id));
    },
  };
}
