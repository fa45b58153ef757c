import { GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import type { ConversationKey } from "../turn/turn-store.ts";

/** What the store knows a conversation by. Only a key for some agents has to be checked: the store sees the organization by itself. */
export async function conversationKey({ executions }: GatewayContext, caller: Caller, conversationId: string): Promise<ConversationKey> {
  const key = { organizationId: caller.organizationId, conversationId };
  if (caller.agentIds === null) return key;
  const root = await executions.find(caller.organizationId, conversationId);
  if (root === null || root.conversationId !== conversationId || !mayUseAgent(caller, root.agentId)) throw new GatewayError("not_found");
  return key;
}
