import { isGatewayError, newId } from "@parley/contracts";
import { findAgent } from "../agent/find-agent.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import { readGatewayStatus } from "../peer/gateway-status.ts";
import type { StoredChatName } from "./chat-store.ts";
import type { ChatName, ChatUseCases } from "./chat-use-cases.ts";
import { findChatAgent } from "./find-chat-agent.ts";

export function openChats(context: GatewayContext): ChatUseCases {
  const { chats, hashBody } = context;

  async function stored(caller: Caller, { agentId, name }: ChatName): Promise<StoredChatName> {
    await findAgent(context, caller, agentId);
    return { organizationId: caller.organizationId, agentId, nameHash: hashBody(name) };
  }

  return {
    findChatAgent: (caller, agentId) => findChatAgent(context, caller, agentId),
    async readGatewayStatus(caller, { agentId, signal }) {
      const agent = await findChatAgent(context, caller, agentId).catch((error: unknown) => {
        // Without any agent there is still this gateway.
        if (agentId === undefined && isGatewayError(error, "not_found")) return null;
        throw error;
      });
      return readGatewayStatus(context, caller, { agent, signal });
    },
    openChat: async (caller, chat) => chats.open(await stored(caller, chat), newId<string>(), { renew: false }),
    findChat: async (caller, chat) => chats.find(await stored(caller, chat)),
    renewChat: (caller, chat, once) =>
      runOnce(context, caller, once, {
        input: chat,
        run: async (bound) => ({ conversationId: await bound.chats.open(await stored(caller, chat), newId<string>(), { renew: true }) }),
      }),
  };
}
