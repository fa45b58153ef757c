import type { NewMemory } from "../memory/memory-store.ts";
import type { ConversationKey, PastTurn, PostedElsewhere } from "../turn/turn-store.ts";

/** A summary that stands for turns of the current branch. Level 1 is made of turns, each level above of summaries of the one below. */
export interface Summary {
  level: number;
  fromTurn: number;
  throughTurn: number;
  text: string;
  tainted: boolean;
}

export interface UntoldTurn extends PastTurn {
  number: number;
}

/** The right to compact a conversation for a while, and what there is to compact. */
export interface CompactionWork {
  /** How often turns have asked for it; what ends the work must have seen them all. */
  marks: number;
  failures: number;
  agentId: string;
  userEmail: string | null;
  /** The branch's visible turns and the summaries that stand, as the store has them: handed back when a summary is installed. */
  visible: string;
  head: string;
  /** Oldest first, without a gap. */
  summaries: Summary[];
  /** Turns that no summary stands for. */
  untoldTurns: number;
  /** The oldest of them, oldest first, without the newest, which stay as they are. */
  turns: UntoldTurn[];
}

export interface ClaimBounds {
  leaseMs: number;
  /** The tail that stays: so many of the newest turns, and no more bytes than this unless the newest alone has more. */
  tailTurnsMax: number;
  tailBytesMax: number;
  /** Turns that are handed out at most, and characters of each text of them. */
  turnsMax: number;
  charsMax: number;
}

export interface NewSummary extends Summary {
  visible: string;
  head: string;
  model: string;
  memories: NewMemory[];
}

/** Which conversations have too long a tail, and the summaries that make it shorter. `holder` is one run of the work. */
export interface CompactionStore {
  /** The conversation's tail is too long; outlives whoever says so. */
  mark(key: ConversationKey): Promise<void>;
  /** Null where nothing is due or another one is at work. Again with the same holder: goes on, for another lease. */
  claim(key: ConversationKey, holder: string, bounds: ClaimBounds): Promise<CompactionWork | null>;
  /**
   * Installs a summary, unless the turns or summaries that it was made of are no longer what stands there (null). Its memories are kept,
   * and the fact is in the log, in the same transaction.
   */
  install(key: ConversationKey, summary: NewSummary, memoriesPerScopeMax: number): Promise<PostedElsewhere | null>;
  /** Nothing is left to do, unless somebody has asked again since. */
  finish(key: ConversationKey, holder: string, marks: number): Promise<void>;
  /** Lets go of it until later. */
  postpone(key: ConversationKey, holder: string, later: { delayMs: number; failed: boolean }): Promise<void>;
}
