import { type Agent, agentId, agentVersion, createAgentInput, pageInput, updateAgentInput } from "@parley/contracts";
import { z } from "zod";
import { type MethodsOf, method } from "../method.ts";

const shown = ({ id, name, description, version, state, config, createdAt }: Agent) => ({
  ...{ agentId: id, name, description, version, suspended: state === "suspended", config, createdAt },
});

export const agents = {
  /** Ids alone, as this wire has them, and beside them what one wants to know of each. */
  "agents.list": method(pageInput.shape, async ({ gateway, caller }, page) => {
    const { items, total } = await gateway.listAgents(caller, page);
    return {
      agents: items.map(({ id }) => id),
      items: items.map(({ config, ...agent }) => ({
        ...{ agentId: agent.id, name: agent.name, description: agent.description, version: agent.version },
        ...{ suspended: agent.state === "suspended", model: config.model },
      })),
      total,
    };
  }),

  "agents.get": method({ agentId, version: agentVersion.optional() }, async ({ gateway, caller }, { agentId, version }) =>
    shown(await gateway.getAgent(caller, agentId, version)),
  ),

  "agents.create": method(createAgentInput.shape, async ({ gateway, caller, once }, input) => ({
    ...shown(await gateway.createAgent(caller, input, once)),
    created: true,
  })),

  /** In use at once, unless `deploy` is false: then it is a draft. */
  "agents.update": method({ ...updateAgentInput.shape, deploy: z.boolean().default(true) }, async (call, { deploy, ...input }) => {
    const { gateway, caller, once } = call;
    const saved = await gateway.updateAgent(caller, input, once);
    // The second half of the same call: what broke off between the two is done when the call is repeated.
    const deployed = deploy && (await gateway.deployAgent(caller, input.agentId, once && { ...once, route: `${once.route}/deploy` }));
    return { ...shown(deployed || saved), updated: true };
  }),

  "agents.deploy": method({ agentId }, async ({ gateway, caller, once }, { agentId }) => ({
    ...shown(await gateway.deployAgent(caller, agentId, once)),
    deployed: true,
  })),

  "agents.suspend": method({ agentId }, async ({ gateway, caller, once }, { agentId }) => {
    await gateway.suspendAgent(caller, agentId, once);
    return { agentId, suspended: true };
  }),

  "agents.resume": method({ agentId }, async ({ gateway, caller, once }, { agentId }) => {
    await gateway.resumeAgent(caller, agentId, once);
    return { agentId, resumed: true };
  }),

  "agents.delete": method({ agentId }, async ({ gateway, caller, once }, { agentId }) => {
    await gateway.deleteAgent(caller, agentId, once);
    return { agentId, deleted: true };
  }),
} satisfies MethodsOf<"agents">;
