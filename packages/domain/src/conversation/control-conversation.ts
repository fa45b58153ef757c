import { type Execution, GatewayError } from "@parley/contracts";
import type { Gateway } from "../gateway.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { announce, jobPayload } from "../turn/kick.ts";
import { announceStop } from "./announce-stop.ts";

type Control = Pick<Gateway, "getRunState" | "stopConversation" | "cancelMessage" | "clearQueue" | "drainConversation">;

/** The conversation's root execution, where the caller may see it. */
async function rootOf({ executions }: GatewayContext, caller: Caller, conversationId: string): Promise<Execution> {
  const root = await executions.find(caller.organizationId, conversationId);
  if (root === null || root.conversationId !== conversationId || !mayUseAgent(caller, root.agentId)) throw new GatewayError("not_found");
  return root;
}

/** What callers do to a conversation from outside: each commits a fact, then tells whoever must know. */
export function controlConversation(context: GatewayContext): Control {
  const { conversations } = context;
  const keyOf = async (caller: Caller, conversationId: string) => {
    // Only a key for some agents has to be checked; the store knows the organization by itself.
    if (caller.agentIds !== null) await rootOf(context, caller, conversationId);
    return { organizationId: caller.organizationId, conversationId };
  };

  return {
    async getRunState(caller, conversationId) {
      const state = await conversations.runState({ organizationId: caller.organizationId, conversationId });
      if (state === null || !mayUseAgent(caller, state.agentId)) throw new GatewayError("not_found");
      return state;
    },
    async stopConversation(caller, { conversationId, turnId, clearQueue }) {
      const key = await keyOf(caller, conversationId);
      const done = await conversations.stop(key, { turnId: turnId ?? null, clearQueue });
      void announceStop(context, key, done);
      const { stopped, queueCleared, queueDepth } = done;
      return { conversationId, stopped, turnId: done.turnId, queueCleared, queueDepth };
    },
    async cancelMessage(caller, { conversationId, messageId }) {
      const done = await conversations.cancel(await keyOf(caller, conversationId), messageId);
      void announce(context, caller.organizationId, { ...done, conversationId });
      return { conversationId, cancelled: done.cancelled, queueDepth: done.queueDepth };
    },
    async clearQueue(caller, conversationId) {
      const done = await conversations.clear(await keyOf(caller, conversationId));
      void announce(context, caller.organizationId, { ...done, conversationId });
      return { conversationId, cancelled: done.cancelled, queueDepth: done.queueDepth };
    },
    async drainConversation(caller, conversationId) {
      const key = await keyOf(caller, conversationId);
      const { action, queueDepth, cursor } = await conversations.orderDrain(key);
      if (action === "draining") {
        await context.queue.enqueue("conversation.drain", jobPayload(key)).catch((error: unknown) => {
          context.log.warn({ err: error, conversationId }, "drain order not delivered; the sweep will give it again");
        });
      }
      return { conversationId, action, queueDepth, cursor };
    },
  };
}
