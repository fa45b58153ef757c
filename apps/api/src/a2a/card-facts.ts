import { isGatewayError } from "@parley/contracts";
import type { CardFacts, CardSkill } from "@parley/peers";
import type { A2aCall, A2aDoor } from "./call.ts";

export const agentUrl = (origin: string, agentId: string): string => `${origin}/a2a/agents/${agentId}`;

/** What those may know who may use the agent: what it can do, besides who it is. */
export async function cardFacts({ gateway }: A2aDoor, { caller, agentId, origin }: A2aCall): Promise<CardFacts> {
  const { id, name, description, version, config } = await gateway.getAgent(caller, agentId);
  const tools = config.tools.map((tool): CardSkill => ({ id: `tool-${tool.name}`, name: tool.name, description: tool.description }));
  const agents = await Promise.all(
    config.subAgents.map(async ({ agentId: subId }): Promise<CardSkill[]> => {
      try {
        const sub = await gateway.getAgent(caller, subId);
        return [{ id: `agent-${sub.id}`, name: sub.name, description: sub.description }];
      } catch (error) {
        if (isGatewayError(error, "not_found")) return [];
        throw error;
      }
    }),
  );
  return { url: agentUrl(origin, id), name, description, version, skills: [...tools, ...agents.flat()] };
}
