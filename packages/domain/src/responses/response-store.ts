import type { Item, Json, ResponseStatus } from "./response.ts";

export interface ResponseKey {
  organizationId: string;
  responseId: string;
}

/** The turn of an agent that a response tells. */
export interface ResponseTurn {
  agentId: string;
  conversationId: string;
  turnId: string;
  /** Empty where the text has answered a card. */
  messageId: string;
  /** Where the log stood before. */
  cursor: string;
}

export interface NewResponse extends ResponseKey {
  principalId: string;
  background: boolean;
  previousId: string | null;
  conversationId: string | null;
  /** What a worker is to make; null where none has to. */
  job: object | null;
  turn: ResponseTurn | null;
  snapshot: Json & { status: ResponseStatus; output: Item[] };
  inputs: Item[];
  /** As they are told. */
  events: string[];
}

export interface StoredResponse {
  id: string;
  status: ResponseStatus;
  background: boolean;
  snapshot: Json & { status: ResponseStatus; output: Item[] };
  turn: ResponseTurn | null;
  conversationId: string | null;
  eventsCount: number;
  /** Events up to here may have been told before an attempt began anew; -1 where there were none. */
  supersededThrough: number;
  epoch: number;
}

export type ClaimedResponse = { state: "missing" | "ended" | "busy" } | { state: "claimed"; epoch: number; attempts: number; job: unknown };

export interface ResponseProgress {
  epoch: number;
  /** The number of the first of the events. */
  first: number;
  events: string[];
  leaseMs: number;
  /** Events up to here may have been told otherwise. */
  supersededThrough?: number;
  status: ResponseStatus;
  /** Where it has changed. */
  snapshot: (Json & { status: ResponseStatus; output: Item[] }) | null;
}

/** What was said before, oldest first; or why it cannot be had. */
export type LoadedItems = { state: "missing" | "running" | "too_large" } | { state: "found"; items: Item[]; turn?: ResponseTurn | null };

export interface ContextBounds {
  itemsMax: number;
  bytesMax: number;
}

export interface StoredConversation {
  id: string;
  metadata: Record<string, string>;
  /** Conversations with agents that go on in it, by the agent's id. */
  agents: Record<string, string>;
  createdAt: number;
}

export interface ConversationKeyOfItems {
  organizationId: string;
  conversationId: string;
}

export interface ResponseStore {
  /** One that is there already stays as it is. `queue_full` where too many of the organization's wait for a worker. */
  save(response: NewResponse, bounds: { waitingMax: number }): Promise<void>;
  /** The right to write one that has not ended; of a conversation's, the eldest. An attempt that takes over keeps the first `kept` events only; `force` keeps them all. */
  claim(key: ResponseKey, how: { leaseMs: number; force: boolean; kept: number }): Promise<ClaimedResponse>;
  /** Writes on. `stale_epoch` where another has the right to, or it has ended. */
  append(key: ResponseKey, progress: ResponseProgress): Promise<void>;
  /** Lets another claim it at once, and does not count the attempt. Nothing where another has the right to write. */
  giveBack(key: ResponseKey, epoch: number): Promise<void>;
  read(key: ResponseKey): Promise<StoredResponse | null>;
  readEvents(
    key: ResponseKey,
    after: number,
  ): Promise<{ status: ResponseStatus; supersededThrough: number; epoch: number; events: string[] } | null>;
  delete(key: ResponseKey): Promise<boolean>;
  /** Its own input; null where there is no such response. */
  readInput(key: ResponseKey): Promise<Item[] | null>;
  loadChain(key: ResponseKey, bounds: ContextBounds): Promise<LoadedItems>;
  /** Items of responses and conversations by their ids; those that are not there are left out. */
  findItems(organizationId: string, ids: readonly string[]): Promise<Map<string, Item>>;

  makeConversation(
    key: ConversationKeyOfItems,
    made: { metadata: Record<string, string>; items: Item[]; itemsMax: number },
  ): Promise<StoredConversation>;
  readConversation(key: ConversationKeyOfItems): Promise<StoredConversation | null>;
  changeConversation(
    key: ConversationKeyOfItems,
    change: { metadata?: Record<string, string>; agents?: Record<string, string> },
  ): Promise<StoredConversation | null>;
  deleteConversation(key: ConversationKeyOfItems): Promise<boolean>;
  /** `body_too_large` where it has more items then than may be; null: they are there in any case. */
  addItems(key: ConversationKeyOfItems, items: Item[], itemsMax: number | null): Promise<void>;
  loadItems(key: ConversationKeyOfItems, bounds: ContextBounds): Promise<LoadedItems>;
  deleteItem(key: ConversationKeyOfItems, itemId: string): Promise<boolean>;
}
