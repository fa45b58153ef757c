import { GatewayError } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";

/** Whom the message is for: who is named, else the conversation's own agent, else the only one that the caller may use. */
export async function agentOf(
  { gateway, caller }: { gateway: Gateway; caller: Caller },
  named: { agentId?: string | undefined; conversationId?: string | undefined },
): Promise<string> {
  if (named.agentId !== undefined) return named.agentId;
  if (named.conversationId !== undefined) return (await gateway.getRunState(caller, named.conversationId)).agentId;
  const { items } = await gateway.listAgents(caller, { page: 1, perPage: 2 });
  const [only, ...others] = items;
  if (only !== undefined && others.length === 0) return only.id;
  throw new GatewayError("invalid_input", {
    issues: [{ path: ["agentId"], code: "missing", message: "There is more than one agent, or none." }],
    text: "Missing required parameter: agentId",
  });
}
