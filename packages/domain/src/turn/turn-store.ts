import type {
  AgentConfig,
  CallRecord,
  DispatchMode,
  EndUser,
  ExecutionStatus,
  Limits,
  LogEvent,
  NewEvent,
  Question,
  TextSoFar,
  TurnEndReason,
  TurnOptions,
  Usage,
} from "@parley/contracts";

export interface ConversationKey {
  organizationId: string;
  conversationId: string;
}

/** An agent as a turn uses it: one version, whole. */
export interface TurnAgent {
  id: string;
  version: number;
  name: string;
  description: string;
  config: AgentConfig;
}

/** An earlier turn as the model is shown it. */
export interface PastTurn {
  text: string;
  files: string[];
  result: string | null;
  status: ExecutionStatus;
  reason: TurnEndReason | null;
  children: { id: string; status: ExecutionStatus; query: string; result: string | null }[] | null;
}

/** The model's whole response of one step. */
export interface ResponseRecord {
  text: string;
  calls: CallRecord[];
  model: string;
  finishReason: string;
  usage: Usage;
}

/** What a call is about to do, written before it is done. */
export type IntentRecord =
  | { act: "dispatch"; callId: string; childId: string; agentId: string; agentVersion: number; mode: "sync" | "async"; query: string }
  | { act: "ask"; callId: string; cardId: string; questions: Question[] }
  /** A call that cannot be done: its arguments are malformed, or a bound is reached. */
  | { act: "refuse"; callId: string; text: string };

export interface ResultRecord {
  text: string;
  isError: boolean;
}

export type JournalLine = { executionId: string; step: number; callIndex: number } & (
  | { kind: "response"; payload: ResponseRecord }
  | { kind: "intent"; payload: IntentRecord }
  | { kind: "result"; payload: ResultRecord }
);

/** The right to run a turn, and all that is needed to run it. */
export interface ClaimedTurn extends ConversationKey {
  epoch: number;
  /** The last `n` given out in this epoch. */
  n: number;
  month: string;
  /** The user's stop came before the claim. */
  stopped: boolean;
  /** An async child's log: its end is told to its parent. */
  isChild: boolean;
  subTasks: DispatchMode | null;
  turn: {
    id: string;
    number: number;
    agentVersion: number;
    attempt: number;
    giveBacks: number;
    text: string;
    files: string[];
    user: EndUser | null;
    options: TurnOptions;
    /** Since the first attempt began. */
    ageMs: number;
    /** Since the turn was created. */
    waitedMs: number;
  };
  agentId: string;
  history: PastTurn[];
  journal: JournalLine[];
  /** What the claim wrote to the log; to be published. */
  events: LogEvent[];
}

export interface UsageLine {
  turnId: string;
  executionId: string;
  attempt: number;
  step: number;
  try: number;
  model: string;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  estimated: boolean;
}

export type ChildChange =
  | { change: "start"; mode: "sync"; id: string; parentId: string; agentId: string; agentVersion: number; text: string }
  | {
      change: "start";
      mode: "async";
      id: string;
      parentId: string;
      agentId: string;
      agentVersion: number;
      text: string;
      messageId: string;
      turnId: string;
      wakesParent: boolean;
    }
  | { change: "end"; id: string; status: ExecutionStatus; result: string | null; reason: TurnEndReason | null; usage: Usage };

export interface TurnOutcome {
  status: "completed" | "failed" | "error" | "stopped";
  reason: TurnEndReason | null;
  /** What the caller is told where there is no answer. */
  text: string | null;
  result: string | null;
  usage: Usage;
}

/** What one fenced write of the holder may change; all of it or nothing. */
export interface TurnChanges {
  events?: NewEvent[];
  journal?: JournalLine[];
  children?: ChildChange[];
  usage?: UsageLine[];
  /** The root execution has completed this step; an attempt that takes over starts after it. */
  step?: number;
  pause?: { cards: { id: string; executionId: string; step: number; callIndex: number; questions: Question[] }[] };
  finish?: TurnOutcome;
}

export interface Fence extends ConversationKey {
  epoch: number;
  /** The last `n` given out, deltas included. */
  n: number;
  turnId: string;
}

/** What follows from a write: who must be kicked and told. */
export interface AfterWrite {
  /** The conversation is ready to be run at this epoch. */
  kick: boolean;
  epoch: number;
}

export interface PostedElsewhere extends AfterWrite {
  conversationId: string;
  events: LogEvent[];
  nudge: string | null;
  isChild: boolean;
}

export type CommitResult =
  /** `parent` is set when an async child's end was told to its parent. */
  | ({ outcome: "ok"; n: number; events: LogEvent[]; parent: PostedElsewhere | null } & AfterWrite)
  /** Somebody else has claimed the conversation since: nothing was written. */
  | { outcome: "stale" }
  /** The user's stop must be told first: nothing was written. */
  | { outcome: "stopped" };

export interface Renewal {
  conversationId: string;
  epoch: number;
  /** False: the epoch has passed on. */
  alive: boolean;
  stopped: boolean;
  /** Something waits in the inbox. */
  inbox: boolean;
}

/** The engine's writes. Every one but `recordUsage` is refused when the epoch is not the newest. */
export interface TurnStore {
  /** Null when there is nothing to claim: somebody else has it, or it is gone. */
  claim(key: ConversationKey, options: { worker: string; leaseMs: number; historyTurnsMax: number }): Promise<ClaimedTurn | null>;
  commit(fence: Fence, changes: TurnChanges, bounds: { leaseMs: number; wakesMax: number }): Promise<CommitResult>;
  /** Renews many leases and keeps the texts of those that have new ones. */
  renew(turns: (Fence & { texts: TextSoFar[] | null })[], leaseMs: number): Promise<Renewal[]>;
  /** Makes the turn ready for another worker. False when the epoch has passed on. */
  giveBack(fence: Fence, usage: UsageLine[]): Promise<boolean>;
  /** Facts about the past: accepted from any epoch, each once. */
  recordUsage(key: ConversationKey & { month: string }, usage: UsageLine[]): Promise<void>;
  /** Begins the head of an idle queue; `ordered` also where the queue is held. */
  release(key: ConversationKey, ordered: boolean): Promise<PostedElsewhere>;
  /** Does what a conversation that was found by the sweep needs. */
  repair(key: ConversationKey): Promise<PostedElsewhere>;
}

/** What the sweep may do, across organizations. */
export interface SweepStore {
  /** Whether this worker holds the office for the next `holdMs`. */
  holdOffice(office: string, worker: string, holdMs: number): Promise<boolean>;
  takeRepairs(options: { takeovers: boolean; repairsMax: number }): Promise<ConversationKey[]>;
  /** Repairs that could not be ordered are found again at the next look. */
  returnRepairs(conversations: ConversationKey[]): Promise<void>;
  /** Partitions of the coming months, and idempotency keys past their age. */
  keepHouse(limits: Pick<Limits, "idempotencyKeptHours">): Promise<void>;
}
