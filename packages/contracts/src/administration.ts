import type { Card } from "./card.ts";
import type { ConversationState } from "./conversation.ts";
import type { EndUser, ExecutionStatus } from "./execution.ts";

/** A part of a list, and how long all of it is. */
export interface Listed<Item> {
  items: Item[];
  total: number;
}

/** A conversation in a few figures. Messages are those of its current branch; tokens are all that it has used, children in its turns included. */
export interface SessionSummary {
  conversationId: string;
  agentId: string;
  /** `sub-agent`: the log of a background child. */
  kind: "dm" | "sub-agent";
  user: EndUser | null;
  title: string | null;
  source: string | null;
  status: ExecutionStatus;
  state: ConversationState;
  held: boolean;
  queueDepth: number;
  cardsOpen: number;
  turnNumber: number;
  /** Of its newest turn. */
  stepsExecuted: number;
  messageCount: number;
  compactions: number;
  inputTokens: number;
  outputTokens: number;
  createdAt: string;
  updatedAt: string;
}

/** What was said. */
export interface SaidMessage {
  role: "user" | "assistant";
  content: string;
  at: string;
  turnId: string;
}

/** Where the words that were looked for were said last in a conversation, with what stands around them. */
export interface FoundMessage extends Omit<SaidMessage, "content"> {
  conversationId: string;
  agentId: string;
  snippet: string;
}

/** A call that waits for an approval. */
export type WaitingApproval = Extract<Card, { kind: "approval" }> & { conversationId: string };

/** What model calls have used. */
export interface UsageSum {
  /** The provider, the hour as ISO 8601, or null for all of it. */
  name: string | null;
  callCount: number;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  /** Some of it was counted by us. */
  estimated: boolean;
}

export interface MemoryFigures {
  total: number;
  tainted: number;
  embedded: number;
  /** Conversations that they were learned in. */
  conversations: number;
  /** Of their rows. */
  bytes: number;
  oldest: string | null;
  byScope: Record<string, number>;
  byAgent: Record<string, number>;
}
