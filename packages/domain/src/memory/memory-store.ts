import type { ListMemories, Memory, MemoryScope, Page } from "@parley/contracts";
import type { ConversationKey } from "../turn/turn-store.ts";

/** A vector and the model that made it: only those of one model can be compared. */
export interface Embedding {
  model: string;
  vector: number[];
}

/** Whom a memory is about. */
export interface MemoryPlace {
  scope: MemoryScope;
  scopeId: string;
}

export interface NewMemory extends Omit<Memory, "createdAt"> {
  /** Both null: somebody has said it outside of any conversation. */
  conversationId: string | null;
  turnNumber: number | null;
  /** Null where no embedding could be had: it is found by its words alone. */
  embedding: Embedding | null;
}

export interface RecalledTurn {
  number: number;
  at: string;
  text: string;
  result: string | null;
}

/** A word to look for; `within` also inside other words, for scripts that put no spaces between them. */
export interface SearchWord {
  word: string;
  within: boolean;
}

export interface MemoryStore {
  /** Keeps them; the same text in the same place is one memory. Beyond `perScopeMax` in a place its oldest are forgotten. */
  save(organizationId: string, memories: NewMemory[], perScopeMax: number): Promise<void>;
  /** Keeps one, as `save` does. Answers its id: another one where the same text was there. */
  store(organizationId: string, memory: NewMemory, perScopeMax: number): Promise<string>;
  /** How many there are in these places: at most `max` are counted. */
  count(organizationId: string, places: MemoryPlace[], max: number): Promise<number>;
  /** Those that fit the words and the vector best, then the newest. */
  search(
    organizationId: string,
    query: { places: MemoryPlace[]; words: SearchWord[]; embedding: Embedding | null; max: number },
  ): Promise<Memory[]>;
  /** `agentIds` null: learned by any agent. Without words all, newest first; else what fits the words and the vector, best first. */
  list(
    organizationId: string,
    filter: ListMemories & { agentIds: string[] | null; words: SearchWord[] | null; embedding: Embedding | null },
  ): Promise<Page<Memory>>;
  /** False where there is none such, learned by one of these agents. */
  delete(organizationId: string, memoryId: string, agentIds: string[] | null): Promise<boolean>;
  /** Forgets these, or all that an agent has learned, or all, as far as these agents have learned them. Answers how many. */
  forget(
    onlooker: { organizationId: string; agentIds: string[] | null },
    which: { memoryIds: string[] | null; agentId: string | null },
  ): Promise<number>;
  /** Earlier turns of the conversation's current branch, best first; the one under way is left out. */
  recall(key: ConversationKey, query: { words: SearchWord[]; turnsMax: number }): Promise<RecalledTurn[]>;
}
