import { type Agent, type AgentVersion, GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";

/** The version under which what is not deployed yet is kept. */
const DRAFT = 0;

/** The agent as the caller may use it; `not_found` for anyone else's. */
export async function findAgent(
  { catalog }: Pick<GatewayContext, "catalog">,
  caller: Caller,
  agentId: string,
  version?: AgentVersion,
): Promise<Agent> {
  if (!mayUseAgent(caller, agentId)) throw new GatewayError("not_found");
  const agent = await catalog.find(caller.organizationId, agentId, version === "draft" ? DRAFT : (version ?? null));
  if (agent === null || agent.state === "deleted") throw new GatewayError("not_found");
  return agent;
}
