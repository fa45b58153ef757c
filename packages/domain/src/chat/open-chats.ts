import { newId } from "@parley/contracts";
import { findAgent } from "../agent/find-agent.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { runOnce } from "../idempotency/run-once.ts";
import type { Caller } from "../identity/caller.ts";
import type { StoredChatName } from "./chat-store.ts";
import type { ChatName, ChatUseCases } from "./chat-use-cases.ts";

export function openChats(context: GatewayContext): ChatUseCases {
  const { chats, hashBody } = context;

  async function stored(caller: Caller, { agentId, name }: ChatName): Promise<StoredChatName> {
    await findAgent(context, caller, agentId);
    return { organizationId: caller.organizationId, agentId, nameHash: hashBody(name) };
  }

  return {
    openChat: async (caller, chat) => chats.open(await stored(caller, chat), newId<string>(), { renew: false }),
    findChat: async (caller, chat) => chats.find(await stored(caller, chat)),
    renewChat: (caller, chat, once) =>
      runOnce(context, caller, once, {
        input: chat,
        run: async (bound) => ({ conversationId: await bound.chats.open(await stored(caller, chat), newId<string>(), { renew: true }) }),
      }),
  };
}
