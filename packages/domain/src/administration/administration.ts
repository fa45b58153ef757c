import type {
  ConversationId,
  Execution,
  FoundMessage,
  Listed,
  Memory,
  MemoryFigures,
  MemoryScope,
  SaidMessage,
  SessionSummary,
  UsageSum,
  WaitingApproval,
} from "@parley/contracts";
import type { Once } from "../idempotency/repeat-store.ts";
import type { Caller } from "../identity/caller.ts";

export interface Part {
  offset: number;
  limit: number;
}

export interface SessionFilter extends Part {
  kind?: SessionSummary["kind"] | undefined;
  agentId?: string | undefined;
  changedSince?: Date | undefined;
}

export interface UsageFilter {
  since?: Date | undefined;
  by?: "provider" | "hour" | undefined;
  agentId?: string | undefined;
  conversationId?: string | undefined;
}

export interface MemoryFilter extends Part {
  scope?: MemoryScope | undefined;
  agentId?: string | undefined;
}

export interface Change<Answer> {
  /** What the call is known again by. */
  input: unknown;
  run(): Promise<Answer>;
}

/** What is seen and done across an organization's conversations. What the caller may not see is `not_found`, or not in the list. */
export interface Administration {
  /** Changes what no store of ours keeps, once where the caller sent a key. */
  changeOnce<Answer extends object>(caller: Caller, once: Once | undefined, change: Change<Answer>): Promise<Answer>;

  /** Newest first. */
  listSessions(caller: Caller, filter: SessionFilter): Promise<Listed<SessionSummary>>;
  getSession(caller: Caller, conversationId: string): Promise<SessionSummary>;
  /** Oldest first, of the current branch; fewer than asked for where they are large. */
  readMessages(caller: Caller, input: Part & { conversationId: string }): Promise<SaidMessage[]>;
  /** Newest first, one for each conversation. */
  searchMessages(caller: Caller, input: { query: string; role?: SaidMessage["role"] | undefined; limit: number }): Promise<FoundMessage[]>;
  /** Has the conversation's oldest turns summarised, as far as they are beyond the tail that always stays. */
  orderCompaction(caller: Caller, conversationId: string, once?: Once): Promise<{ conversationId: string }>;

  /** Oldest first. */
  listApprovals(caller: Caller, part: Part): Promise<Listed<WaitingApproval>>;
  /** The conversation that a card belongs to. */
  findCard(caller: Caller, cardId: string): Promise<{ conversationId: ConversationId }>;

  /** Children, and conversations that have this source; newest first. */
  listRuns(caller: Caller, filter: { since: Date; source: string; limit: number }): Promise<Listed<Execution>>;
  /** In groups where `by` says so, else one for all of it, or none where nothing was used. */
  readUsage(caller: Caller, filter: UsageFilter): Promise<UsageSum[]>;

  /** Newest first. */
  listMemories(caller: Caller, filter: MemoryFilter): Promise<Listed<Memory>>;
  getMemory(caller: Caller, memoryId: string): Promise<Memory>;
  memoryFigures(caller: Caller, filter: { agentId?: string | undefined }): Promise<MemoryFigures>;
  /** Forgets these, or all that an agent has learned, or all. */
  forgetMemories(
    caller: Caller,
    which: { memoryIds?: string[] | undefined; agentId?: string | undefined },
    once?: Once,
  ): Promise<{ forgotten: number }>;
}
