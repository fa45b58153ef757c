import { z } from "zod";
import { pageInput } from "./conversation.ts";
import { agentId, memoryId } from "./ids.ts";
import { BOUNDS } from "./limits.ts";
import { type MemoryScope, memoryScope } from "./memory-config.ts";

/** A fact that outlives its conversation. */
export interface Memory {
  id: string;
  scope: MemoryScope;
  /** The user's e-mail address in lower case, the agent's id, or the organization's. */
  scopeId: string;
  /** The agent that learned it. */
  agentId: string;
  text: string;
  /** It comes from a turn in which a tool, a peer or a page had a say. */
  tainted: boolean;
  /** Where it was learned first, of the conversations that are still there; null where none is. */
  conversationId: string | null;
  turnNumber: number | null;
  createdAt: string;
}

export const listMemoriesInput = pageInput.extend({
  scope: memoryScope.optional(),
  /** Of this user alone. */
  userEmail: z.string().min(1).max(320).optional(),
  /** Of those that this agent has learned. */
  agentId: agentId.optional(),
  /** Those that share words with it, best first; else all, newest first. */
  query: z.string().min(1).max(1_000).optional(),
});
export type ListMemories = z.infer<typeof listMemoriesInput>;

/** What the model passes to `recall`. */
export const recallArguments = z.object({ query: z.string().min(1).max(1_000), limit: z.int().min(1).max(10).nullish() });

/** What the model passes to `remember`; the text is held to `memoryCharsMax` besides. */
export const rememberArguments = z.object({
  text: z.string().trim().min(1).max(BOUNDS.memoryCharsMax.ceiling),
  scope: memoryScope.nullish(),
});

/** What somebody has kept in an agent's name; the text is held to `memoryCharsMax` besides. */
export const storeMemoryInput = z.object({
  agentId,
  text: z.string().trim().min(1).max(BOUNDS.memoryCharsMax.ceiling),
  /** Told to everyone who talks to the agent, or to all of the organization's agents. */
  scope: z.enum(["agent", "organization"]).default("agent"),
  /** `external`: it comes from somebody who is not trusted, and is told as such. */
  trust: z.enum(["learned", "external"]).default("learned"),
});
export type StoreMemory = z.infer<typeof storeMemoryInput>;

export const memoryInput = z.object({ memoryId });
