import { GatewayError, newId } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { conversationItems, conversationUuid, resolveInput } from "./gather-context.ts";
import { conversationIdOf, type Item, type Json } from "./response.ts";
import type { StoredConversation } from "./response-store.ts";

const BATCH_MAX = 20;

const noSuch = (what: string, id: string): GatewayError => new GatewayError("not_found", { text: `${what} with id '${id}' not found.` });

/** Conversations of items: each is its items in their order, and goes on with every response that names it. */
export function itemConversations(context: GatewayContext) {
  const { responses, limits } = context;
  const keyOf = ({ organizationId }: Caller, id: string) => ({ organizationId, conversationId: conversationUuid(id) });

  const found = (conversation: StoredConversation | null, id: string): StoredConversation => {
    if (conversation === null) throw noSuch("Conversation", id);
    return conversation;
  };

  return {
    async makeConversation(caller: Caller, { items, metadata }: { items: Json[]; metadata: Record<string, string> }) {
      const { organizationId } = caller;
      const key = { organizationId, conversationId: newId<string>() };
      const resolved = await resolveInput(context, organizationId, items, []);
      return responses.makeConversation(key, { metadata, items: resolved, itemsMax: limits.responseContextItemsMax });
    },
    async getConversation(caller: Caller, id: string) {
      return found(await responses.readConversation(keyOf(caller, id)), id);
    },
    async setConversationMetadata(caller: Caller, id: string, metadata: Record<string, string>) {
      return found(await responses.changeConversation(keyOf(caller, id), { metadata }), id);
    },
    async deleteConversation(caller: Caller, id: string): Promise<void> {
      if (!(await responses.deleteConversation(keyOf(caller, id)))) throw noSuch("Conversation", id);
    },
    /** Answers the items as they were added. */
    async addItems(caller: Caller, id: string, items: Json[]): Promise<Item[]> {
      if (items.length > BATCH_MAX) throw new GatewayError("bad_request", { text: `At most ${BATCH_MAX} items at a time.` });
      const key = keyOf(caller, id);
      found(await responses.readConversation(key), id);
      const resolved = await resolveInput(context, caller.organizationId, items, []);
      await responses.addItems(key, resolved, limits.responseContextItemsMax);
      return resolved;
    },
    async listItems(caller: Caller, id: string): Promise<Item[]> {
      return conversationItems(context, caller.organizationId, conversationUuid(id), id);
    },
    async deleteItem(caller: Caller, id: string, itemId: string): Promise<StoredConversation> {
      const key = keyOf(caller, id);
      const conversation = found(await responses.readConversation(key), id);
      if (!(await responses.deleteItem(key, itemId))) throw noSuch("Item", itemId);
      return conversation;
    },
    publicId: conversationIdOf,
  };
}
