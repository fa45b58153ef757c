import type { ConversationId, FoundMessage, Listed, Memory, MemoryFigures, SaidMessage, SessionSummary, UsageSum } from "@parley/contracts";
import type { AdministrationStore, StoredCard } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";
import { type StoredExecution, toExecution } from "./execution-json.ts";

export const createAdministrationStore = (sql: Sql): AdministrationStore => ({
  listSessions: (onlooker, { kind = null, agentId = null, changedSince = null, offset, limit }) =>
    call<Listed<SessionSummary>>(sql, "list_sessions", { ...onlooker, kind, agentId, changedSince, offset, limit }),

  findSession: (onlooker, conversationId) => call<SessionSummary | null>(sql, "read_session", { ...onlooker, conversationId }),

  readMessages: (onlooker, input) => call<SaidMessage[] | null>(sql, "read_messages", { ...onlooker, ...input }),

  searchMessages: (onlooker, input) => call<FoundMessage[]>(sql, "search_messages", { ...onlooker, ...input }),

  listApprovals: (onlooker, part) => call<Listed<StoredCard & { conversationId: string }>>(sql, "list_approvals", { ...onlooker, ...part }),

  findCard: (onlooker, cardId) => call<{ conversationId: ConversationId } | null>(sql, "find_card", { ...onlooker, cardId }),

  async listRuns(onlooker, filter) {
    const { items, total } = await call<Listed<StoredExecution>>(sql, "list_runs", { ...onlooker, ...filter });
    return { items: items.map(toExecution), total };
  },

  readUsage: (onlooker, { since = null, by = null, agentId = null, conversationId = null }) =>
    call<UsageSum[]>(sql, "read_usage_since", { ...onlooker, since, by, agentId, conversationId }),

  listMemories: (onlooker, { scope = null, agentId = null, offset, limit }) =>
    call<Listed<Memory>>(sql, "list_memories", { ...onlooker, scope, userEmail: null, agentId, words: null, offset, limit }),

  findMemory: (onlooker, memoryId) => call<Memory | null>(sql, "find_memory", { ...onlooker, memoryId }),

  memoryFigures: (onlooker, filter) => call<MemoryFigures>(sql, "memory_stats", { ...onlooker, ...filter }),
});
