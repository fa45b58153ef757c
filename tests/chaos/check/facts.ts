import type { EventData, EventType } from "@parley/contracts";
import type { Ledger } from "../trial/ledger.ts";

/** A stretch of time, in ms since 1970. */
export interface Span {
  fromMs: number;
  toMs: number;
}

export interface ConversationRow {
  id: string;
  state: string;
  parentId: string | null;
}

export interface MessageRow {
  id: string;
  conversationId: string;
  turnId: string;
  state: string;
  text: string;
}

export interface TurnRow {
  id: string;
  conversationId: string;
  number: number;
  status: string;
  text: string;
}

export interface ExecutionRow {
  id: string;
  conversationId: string;
  parentId: string | null;
  mode: string;
  status: string;
}

/** A line of the log, whatever it says. */
export interface EventRow {
  conversationId: string;
  epoch: number;
  n: number;
  /** The head that the first event of an epoch says it follows, as `<epoch>-<n>`. */
  previous: string | null;
  type: EventType;
  executionId: string;
  turnId: string | null;
  atMs: number;
  data: unknown;
}

export interface UsageRow {
  turnId: string;
  executionId: string;
  attempt: number;
  step: number;
  try: number;
  inputTokens: number;
  outputTokens: number;
  estimated: boolean;
}

export interface CardRow {
  id: string;
  conversationId: string;
  turnId: string;
  kind: string;
  status: string;
}

/** One request to the scripted tools, out of their own journal. */
export interface ToolCallFact {
  /** What the gateway says it is the call of: the Idempotency-Key. */
  key: string;
  /** The tool. */
  path: string;
  /** The id of the model's call, out of its arguments. */
  order: string;
  atMs: number;
  hasActed: boolean;
}

/** One request to the scripted model, out of its own journal. */
export interface ModelCallFact {
  /** Which answer of which message it was for. */
  key: string;
  atMs: number;
  /** Whether all of the answer went onto the wire. */
  isWhole: boolean;
  text: string;
  /** Of the text, and of the names and arguments of its calls. */
  chars: number;
  usage: { inputTokens: number; outputTokens: number } | null;
}

export interface PeerTaskFact {
  id: string;
  /** The id of the model's call, out of the message's text. */
  order: string;
  text: string;
  ends: { state: string; atMs: number }[];
}

/** What the peers' own journal says, and our ledger of calls. */
export interface PeerFacts {
  /** `taskId`: the task that it goes on with; null where it begins one. */
  messages: { id: string; taskId: string | null; order: string; text: string }[];
  tasks: PeerTaskFact[];
  /** Tasks that the peer was asked to cancel. */
  cancelled: string[];
  calls: { id: string; state: string; cancelOutcome: string | null }[];
}

export interface ChargeRow {
  sourceType: string;
  sourceId: string;
  transactionId: string | null;
  payer: string;
  amountMicros: number;
  inputTokens: number;
  outputTokens: number;
  estimated: boolean;
}

/** The books of the trial's organization, which has had other trials before. */
export interface MoneyFacts {
  entries: { transactionId: string; account: string; sourceType: string; amountMicros: number }[];
  balances: { account: string; balanceMicros: number; heldMicros: number }[];
  holds: number;
  charges: ChargeRow[];
}

/** All that is known about a trial when everything has come to rest. */
export interface Facts {
  ledger: Ledger;
  /** What still waited for somebody when there was nobody left to wait for. */
  unrest: string[];
  conversations: ConversationRow[];
  messages: MessageRow[];
  turns: TurnRow[];
  executions: ExecutionRow[];
  /** By conversation, epoch and n. */
  events: EventRow[];
  usage: UsageRow[];
  cards: CardRow[];
  calls: ModelCallFact[];
  toolCalls: ToolCallFact[];
  peers: PeerFacts;
  money: MoneyFacts;
  /** When processes slept: what one was about to do, it does on waking. */
  frozen: Span[];
  /** Cursors that were given to readers without a row. */
  witnessed: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Looks for one kind of damage. A line for each that it finds. */
export type Rule = (facts: Facts) => string[];

export type EventOfType<Type extends EventType> = EventRow & { type: Type; data: EventData[Type] };

export const eventsOf = <Type extends EventType>(facts: Facts, ...types: Type[]): EventOfType<Type>[] =>
  facts.events.filter((event): event is EventOfType<Type> => (types as EventType[]).includes(event.type));

export const cursorOf = ({ epoch, n }: { epoch: number; n: number }): string => `${epoch}-${n}`;

/** Values by what they have in common, in their order. */
export function grouped<Value>(values: Iterable<Value>, keyOf: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
