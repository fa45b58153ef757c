import type { Memory, MemoryFigures } from "@parley/contracts";

/** A memory as the dashboard and JSON-RPC show it. */
export const memoryEntry = ({ id, text, scope, scopeId, agentId, tainted, conversationId, turnNumber, createdAt }: Memory) => ({
  ...{ id, content: text, memoryType: scope, trustLevel: tainted ? "external" : "learned", agentId, scopeId, conversationId, turnNumber },
  createdAt: Date.parse(createdAt),
});

export const memoryFigures = ({ total, tainted, embedded, conversations, bytes, oldest, byScope, byAgent }: MemoryFigures) => ({
  totalEntries: total,
  byType: byScope,
  byTrustLevel: { learned: total - tainted, external: tainted },
  byAgent,
  totalSessions: conversations,
  embeddedEntries: embedded,
  dbSizeBytes: bytes,
  oldestCreatedAt: oldest === null ? null : Date.parse(oldest),
});
