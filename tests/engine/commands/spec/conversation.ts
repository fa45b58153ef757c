import type { CardOutcome, ConversationState, MessageMode, MessageState } from "@parley/contracts";

/** A message that was accepted, and what has become of it. */
export interface Message {
  id: string;
  /** The turn that it becomes, unless it goes into another one. */
  turnId: string;
  mode: MessageMode;
  /** Nothing is merged with it: an invoke, or an edit. */
  isAlone: boolean;
  /** Principal, user and options in one: only what is alike here may be merged. */
  from: string;
  state: MessageState;
  /** The turn that it became, was merged into or steers. Null while it waits in the queue. */
  turn: Turn | null;
  /** It has waited past its time. */
  isLate: boolean;
}

/** `completed`, or why it was stopped. */
export type TurnEnd = "completed" | "user_stop" | "superseded";

export interface Turn {
  number: number;
  message: Message;
  merged: Message[];
  /** What it was told while it ran. */
  heard: Message[];
  end: TurnEnd | null;
  /** False once an edit has cut it off. */
  isVisible: boolean;
}

export interface Card {
  id: string;
  kind: "questions" | "approval";
  turn: Turn;
  status: "open" | CardOutcome;
  isLate: boolean;
}

/**
 * One conversation as the mode table and docs/engine.md have it, written down a second time: plain data and no SQL. Messages that
 * wait are in `queue` or in `steers`, and nowhere else.
 */
export interface Conversation {
  state: ConversationState;
  held: boolean;
  turns: Turn[];
  current: Turn | null;
  /** Why the current turn must end. */
  stop: Exclude<TurnEnd, "completed"> | null;
  queue: Message[];
  steers: Message[];
  cards: Card[];
  messages: Message[];
  /** A drain was ordered and is not done. */
  isDraining: boolean;
  /** Whether the sweep may start an idle queue by itself. */
  due: "never" | "later" | "now";
  /** The worker that runs it is frozen, and its lease over. */
  isOrphaned: boolean;
  /** Workers that froze in the middle of a turn and have not woken up. */
  frozen: number;
}

/** So many messages may wait in the queue; as many again may wait to steer. */
export const QUEUE_MAX = 6;

export const newConversation = (): Conversation => ({
  state: "idle",
  held: false,
  turns: [],
  current: null,
  stop: null,
  queue: [],
  steers: [],
  cards: [],
  messages: [],
  isDraining: false,
  due: "never",
  isOrphaned: false,
  frozen: 0,
});

export const openCards = ({ cards }: Conversation): Card[] => cards.filter(({ status }) => status === "open");

export const isWaiting = (message: Message): boolean => message.state === "queued";

/** A worker runs the turn and waits for its model. */
export const isAtWork = ({ state, isOrphaned }: Conversation): boolean => state === "running" && !isOrphaned;
