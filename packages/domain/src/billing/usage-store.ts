import type { ConversationKey, UsageLine } from "../turn/turn-store.ts";

/** What was used beside a conversation's turns, by its summaries and memories. */
export interface UsageStore {
  /** Each line once: (turn, execution, attempt, step, try), where the turn's id is an id of its own. */
  recordBeside(key: ConversationKey, usage: UsageLine[]): Promise<void>;
}
