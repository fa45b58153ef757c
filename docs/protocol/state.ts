export const MODES = ["auto", "queue", "collect", "steer", "interrupt", "reject"] as const;
export type Mode = (typeof MODES)[number];

export interface Conversation {
  state: "idle" | "ready" | "running" | "paused";
  held: boolean;
  epoch: number;
  /** The epoch of the newest fact in the log. */
  headEpoch: number;
  /** The lease's time is over. A lease exists only while running; its owner is the worker with the conversation's epoch. */
  leasePast: boolean;
  stoppedThrough: number;
  /** Why the current turn must end, if it must. */
  stopReason: "stopped" | "superseded" | null;
  /** Waiting messages, the next one first. */
  queue: number[];
  /** Steers that the current turn has not applied yet, the oldest first. */
  steers: number[];
  cardsOpen: number;
  /** The sweep starts this idle queue after its grace. */
  due: boolean;
  /** A drain was ordered and is not done yet. */
  drain: boolean;
}

export interface Message {
  mode: Mode;
  state: "queued" | "running" | "done" | "merged" | "cancelled" | "expired";
  /** How often it has ended, and of how many turns it became part. */
  ends: number;
  turns: number;
}

/** A turn makes at most one tool call, or asks once before. Turn number n is the nth of the list; the last one may be current. */
export interface Turn {
  /** The message that it answers, then those that steered it. */
  messages: number[];
  status: "open" | "completed" | "stopped" | "superseded";
  ends: number;
  /** `asked`: waits for cards, or has their outcomes; `intent`: the call is about to be sent; then its result. */
  journal: "empty" | "asked" | "intent" | "result" | "unknown";
  /** How often the call was sent. */
  sent: number;
}

export type CardOutcome = "answered" | "approved" | "denied" | "expired" | "superseded" | "cancelled";

export interface Card {
  turn: number;
  kind: "question" | "approval";
  status: "open" | CardOutcome;
  isPast: boolean;
  closes: number;
}

/** A worker runs at most one turn here; what it knows of it is from its claim. */
export interface Worker {
  life: "up" | "frozen";
  /** `checked`: found its lease fresh enough to send the call; `sent`: the result is not written yet. */
  at: "idle" | "thinking" | "intended" | "checked" | "sent";
  epoch: number;
  turn: number;
  /** By its own clock the last renewal is young enough to start an effect. */
  isFresh: boolean;
  /** It holds a job whose id the next kick would carry too. */
  swallows: boolean;
}

/**
 * Redis. Kicks hold nothing but ids, so two of a kind are one of which one may be late. `current` carries the conversation's
 * epoch in its id, `other` an older one or an id of its own. `dead`: a job with the id of the next kick is in the hands of nobody.
 */
export interface Kicks {
  current: boolean;
  other: boolean;
  dead: boolean;
  /** A drain order was once given to Redis, and may be delivered at any later time, also twice. */
  drain: boolean;
}

export interface State {
  conversation: Conversation;
  messages: Message[];
  turns: Turn[];
  cards: Card[];
  workers: Worker[];
  kicks: Kicks;
  /** The highest epoch that was ever given. */
  clock: number;
}

const IDLE_WORKER: Worker = { life: "up", at: "idle", epoch: 0, turn: 0, isFresh: false, swallows: false };

export const idleWorker = (): Worker => ({ ...IDLE_WORKER });

export const initialState = (workers: number): State => ({
  conversation: {
    state: "idle",
    held: false,
    epoch: 0,
    headEpoch: 0,
    leasePast: false,
    stoppedThrough: 0,
    stopReason: null,
    queue: [],
    steers: [],
    cardsOpen: 0,
    due: false,
    drain: false,
  },
  messages: [],
  turns: [],
  cards: [],
  workers: Array.from({ length: workers }, idleWorker),
  kicks: { current: false, other: false, dead: false, drain: false },
  clock: 0,
});

export const copyState = (state: State): State => ({
  conversation: { ...state.conversation, queue: [...state.conversation.queue], steers: [...state.conversation.steers] },
  messages: state.messages.map((message) => ({ ...message })),
  turns: state.turns.map((turn) => ({ ...turn, messages: [...turn.messages] })),
  cards: state.cards.map((card) => ({ ...card })),
  workers: state.workers.map((worker) => ({ ...worker })),
  kicks: { ...state.kicks },
  clock: state.clock,
});

export function pick<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new RangeError(`There is no item ${index}.`);
  return item;
}

/** The number of the current turn, or 0. */
export const currentTurn = ({ conversation, turns }: State): number => (conversation.state === "idle" ? 0 : turns.length);
export const turnOf = ({ turns }: State, number: number): Turn => pick(turns, number - 1);

export const isStopped = (state: State): boolean => currentTurn(state) !== 0 && state.conversation.stoppedThrough >= state.turns.length;

/** Callers move, or time, or faults, or what goes on by itself. `change` gets a copy to write on. */
export interface Move {
  action: Action;
  isProgress: boolean;
  change(draft: State): void;
}

export type Action =
  | { kind: "submit"; mode: Mode }
  | { kind: "stop"; turn: number }
  | { kind: "cancel" | "expireMessage"; message: number }
  | { kind: "answer"; card: number; outcome: CardOutcome }
  | { kind: "orderDrain" | "deliverDrain" | "passLease" | "sweep" | "flushRedis" | "loseKick" | "strandKick" }
  | { kind: "passCard"; card: number }
  | { kind: WorkerAction; worker: number };

type WorkerAction =
  | "claim"
  | "claimLate"
  | "claimInVain"
  | "letGo"
  | "giveBack"
  | "renew"
  | "writeIntent"
  | "goOn"
  | "check"
  | "send"
  | "writeResult"
  | "writeUnknown"
  | "hearSteers"
  | "ask"
  | "askTwice"
  | "askApproval"
  | "complete"
  | "writeStop"
  | "crash"
  | "freeze"
  | "thaw"
  | "replace";
