import type {
  ConversationId,
  Execution,
  FoundMessage,
  Listed,
  Memory,
  MemoryFigures,
  SaidMessage,
  SessionSummary,
  UsageSum,
} from "@parley/contracts";
import type { StoredCard } from "../turn/stored-card.ts";
import type { MemoryFilter, Part, SessionFilter, UsageFilter } from "./administration.ts";

/** Whose rows are looked at: of these agents, or of all of the organization's. */
export interface Onlooker {
  organizationId: string;
  agentIds: string[] | null;
}

/** Reads across conversations; null where the onlooker may see none such. */
export interface AdministrationStore {
  listSessions(onlooker: Onlooker, filter: SessionFilter): Promise<Listed<SessionSummary>>;
  findSession(onlooker: Onlooker, conversationId: string): Promise<SessionSummary | null>;
  readMessages(onlooker: Onlooker, input: Part & { conversationId: string; bytesMax: number }): Promise<SaidMessage[] | null>;
  searchMessages(onlooker: Onlooker, input: { query: string; role: SaidMessage["role"] | null; limit: number }): Promise<FoundMessage[]>;
  listApprovals(onlooker: Onlooker, part: Part): Promise<Listed<StoredCard & { conversationId: string }>>;
  findCard(onlooker: Onlooker, cardId: string): Promise<{ conversationId: ConversationId } | null>;
  listRuns(onlooker: Onlooker, filter: { since: Date; source: string; limit: number }): Promise<Listed<Execution>>;
  readUsage(onlooker: Onlooker, filter: UsageFilter): Promise<UsageSum[]>;
  listMemories(onlooker: Onlooker, filter: MemoryFilter): Promise<Listed<Memory>>;
  findMemory(onlooker: Onlooker, memoryId: string): Promise<Memory | null>;
  memoryFigures(onlooker: Onlooker, filter: { agentId: string | null }): Promise<MemoryFigures>;
}
