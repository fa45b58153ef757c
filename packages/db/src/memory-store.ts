import type { Memory, Page } from "@parley/contracts";
import type { MemoryStore, RecalledTurn } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

export const createMemoryStore = (sql: Sql): MemoryStore => ({
  async save(organizationId, memories, perScopeMax) {
    await call(sql, "save_memories", { organizationId, memories, perScopeMax });
  },

  store: (organizationId, memory, perScopeMax) => call<string>(sql, "store_memory", { organizationId, memory, perScopeMax }),

  count: (organizationId, places, max) => call<number>(sql, "count_memories", { organizationId, places, max }),

  search: (organizationId, query) => call<Memory[]>(sql, "search_memories", { organizationId, ...query }),

  async list(organizationId, { scope = null, userEmail, agentId = null, agentIds, words, embedding, page, perPage }) {
    const filter = { organizationId, scope, userEmail: userEmail?.toLowerCase() ?? null, agentId, agentIds, words, embedding };
    const found = await call<Pick<Page<Memory>, "items" | "total">>(sql, "list_memories", {
      ...filter,
      offset: (page - 1) * perPage,
      limit: perPage,
    });
    return { ...found, page, perPage };
  },

  delete: (organizationId, memoryId, agentIds) => call<boolean>(sql, "delete_memory", { organizationId, memoryId, agentIds }),

  forget: (onlooker, which) => call<number>(sql, "forget_memories", { ...onlooker, ...which }),

  recall: ({ organizationId, conversationId }, { words, turnsMax }) =>
    call<RecalledTurn[]>(sql, "recall_turns", { organizationId, conversationId, words, turnsMax }),
});
