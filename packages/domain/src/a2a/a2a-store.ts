import type { A2aCardFacts, A2aFact, A2aMessage, A2aPush, A2aState, A2aTask, A2aVersion, Cursor } from "@parley/contracts";
import type { StoredCard } from "../turn/stored-card.ts";

/** Whose tasks: one principal's with one agent. */
export interface A2aOwner {
  organizationId: string;
  principalId: string;
  agentId: string;
}

export type StoredA2aTask = Omit<A2aTask, "cards"> & { cards: StoredCard[] };

export interface NewA2aTask extends A2aOwner {
  /** The turn's id. */
  taskId: string;
  conversationId: string;
  messageId: string;
  contextId: string;
  start: Cursor;
}

/** Where a page of a list goes on. */
export interface A2aPlace {
  micros: string;
  id: string;
}

export interface A2aFilter {
  contextId: string | null;
  state: A2aState | null;
  /** ISO 8601: those whose state is that new. */
  since: string | null;
  after: A2aPlace | null;
  limit: number;
}

interface NewPush {
  organizationId: string;
  taskId: string;
  id: string;
  url: string;
  /** Sealed; null where there is nothing to keep secret. */
  secret: string | null;
  scheme: string | null;
  version: A2aVersion;
  max: number;
  /** Whether the task is told as it stands, too. */
  tellsNow: boolean;
}

/** How a try ended. */
export interface A2aPushRecord {
  organizationId: string;
  id: number;
  taskId: string;
  pushId: string;
  /** Which try it was: another one's end counts for nothing. */
  attempt: number;
  outcome: "delivered" | "retry" | "failed";
  delayMs: number;
}

/** Tasks that A2A clients have begun, and who is told of them. */
export interface A2aStore {
  /** Follows the turn from here on. Must be called in the transaction that accepts the message. */
  begin(task: NewA2aTask): Promise<void>;
  /** Keeps what a client has said, under the name that it gave it. */
  say(message: A2aOwner & { taskId: string; name: string; message: A2aMessage }): Promise<void>;
  /** Null where the owner has no such task. */
  find(owner: A2aOwner, wanted: { taskId: string } | { name: string }): Promise<StoredA2aTask | null>;
  read(key: { organizationId: string; taskId: string }): Promise<StoredA2aTask | null>;
  /** The conversation that the owner calls so; null where there is none yet. */
  findContext(owner: A2aOwner, contextId: string): Promise<string | null>;
  list(owner: A2aOwner, filter: A2aFilter): Promise<{ items: StoredA2aTask[]; total: number; next: A2aPlace | null }>;
  /** Throws `limit_reached`. */
  savePush(push: NewPush): Promise<A2aPush>;
  pushes(key: { organizationId: string; taskId: string; id?: string }): Promise<A2aPush[]>;
  deletePush(key: { organizationId: string; taskId: string; id: string }): Promise<void>;
  recordPush(record: A2aPushRecord): Promise<void>;
  /** Of whichever organization; null where there is no such agent. */
  card(agentId: string): Promise<A2aCardFacts | null>;
}

/** One try that is due. */
export interface DueA2aPush {
  id: number;
  organizationId: string;
  taskId: string;
  pushId: string;
  attempt: number;
  fact: A2aFact;
  url: string;
  secret: string | null;
  scheme: string | null;
  version: A2aVersion;
}

/** What workers take of it, across organizations: of each receiver only the first that it is owed. */
export interface A2aOutbox {
  take(options: { rowsMax: number; leaseMs: number }): Promise<DueA2aPush[]>;
}
