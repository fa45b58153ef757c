import type {
  AgentConfig,
  DispatchMode,
  EndUser,
  ExecutionStatus,
  Limits,
  LogEvent,
  NewEvent,
  PeerReport,
  PeerState,
  RefusedBy,
  TextSoFar,
  TurnEndReason,
  TurnOptions,
  Usage,
} from "@parley/contracts";
import type { HistorySummary } from "../compaction/history-summary.ts";
import type { NewPeerCall } from "../peer/new-peer-call.ts";
import type { JournalLine, SteerRecord } from "./journal-line.ts";
import type { NewCard, StoredCard } from "./stored-card.ts";

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
  /** What the user said while it ran. */
  steers: string[] | null;
  /** What was decided in it. */
  cards: StoredCard[] | null;
  /** Something that others said had a say in it. */
  tainted: boolean;
}

/** What the model is told of a conversation before a turn. */
export interface Past {
  /** What stands for the turns before `history`. */
  summary: HistorySummary | null;
  history: PastTurn[];
}

/** The right to run a turn, and all that is needed to run it. */
export interface ClaimedTurn extends ConversationKey, Past {
  epoch: number;
  /** The last `n` given out in this epoch. */
  n: number;
  month: string;
  /** The turn was stopped before the claim, and why. */
  stopReason: StopReason | null;
  /** An async child's log: its end is told to its parent. */
  isChild: boolean;
  subTasks: DispatchMode | null;
  /** A message waits to steer the turn. */
  hasSteer: boolean;
  branch: number;
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
    /** Since the first attempt began, without the time in which it waited for people. */
    ageMs: number;
    /** Since the turn was created. */
    waitedMs: number;
  };
  agentId: string;
  /** Whose money it is, where there has to be some before anything is used; mostly null. */
  spending: { principalId: string | null; userId: string | null } | null;
  /** What the turn has asked people so far. */
  cards: StoredCard[];
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
  images?: number;
}

export type ChildChange =
  | {
      change: "start";
      mode: "sync";
      id: string;
      parentId: string;
      agentId: string;
      agentVersion: number;
      text: string;
      peerCall?: NewPeerCall;
    }
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
      options?: Pick<TurnOptions, "hopsMax">;
      peerCall?: NewPeerCall;
    }
  /** Where a call of a peer stands. `canceling`: the peer has still to be told that nobody wants it. */
  | {
      change: "peer";
      id: string;
      state: "waiting" | "canceling" | "ended";
      peerState: PeerState;
      taskId: string | null;
      contextId: string | null;
      cardId: string | null;
      prompt: string;
    }
  | { change: "end"; id: string; status: ExecutionStatus; result: string | null; reason: TurnEndReason | null; usage: Usage };

export interface TurnOutcome {
  status: "completed" | "failed" | "error" | "stopped";
  reason: TurnEndReason | null;
  /** What the caller is told where there is no answer. */
  text: string | null;
  /** What has refused money, without its figures. */
  refusedBy?: RefusedBy;
  result: string | null;
  usage: Usage;
  /** What came of a call of a peer, where the turn was one. */
  report?: PeerReport;
}

/** What one fenced write of the holder may change; all of it or nothing. */
export interface TurnChanges {
  events?: NewEvent[];
  journal?: JournalLine[];
  children?: ChildChange[];
  usage?: UsageLine[];
  /** The root execution has completed this step; an attempt that takes over starts after it. */
  step?: number;
  /** Waiting steers are applied behind this step of the root. */
  takeSteers?: number;
  pause?: { cards: NewCard[] };
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
  /** `parent` is set when an async child's end or pause was told to its parent. */
  | ({
      outcome: "ok";
      n: number;
      events: LogEvent[];
      parent: PostedElsewhere | null;
      /** A message waits to steer the turn. */
      hasSteer: boolean;
      /** What `takeSteers` has applied. */
      steers: SteerRecord[];
    } & AfterWrite)
  /** Somebody else has claimed the conversation since: nothing was written. */
  | { outcome: "stale" }
  /** The stop must be told first: nothing was written. */
  | { outcome: "stopped"; reason: StopReason };

/** Who ended a turn from outside: the user, or a message that takes its place. */
export type StopReason = Extract<TurnEndReason, "user_stop" | "superseded">;

export interface Renewal {
  conversationId: string;
  epoch: number;
  /** False: the epoch has passed on. */
  alive: boolean;
  stopReason: StopReason | null;
  /** Something waits in the inbox. */
  inbox: boolean;
}

/** The engine's writes. Every one but `recordUsage` is refused when the epoch is not the newest. */
export interface TurnStore {
  /** Null when there is nothing to claim: somebody else has it, or it is gone. */
  claim(key: ConversationKey, options: { worker: string; leaseMs: number; historyTurnsMax: number }): Promise<ClaimedTurn | null>;
  /** The same past as a claim's, as it is now; null where the conversation is gone. */
  readPast(key: ConversationKey, options: { beforeNumber: number; turnsMax: number }): Promise<Past | null>;
  commit(fence: Fence, changes: TurnChanges, bounds: { leaseMs: number; wakesMax: number }): Promise<CommitResult>;
  /** Says of a turn whether others have a say in it. Accepted from any epoch; tainted it stays. */
  taint(key: ConversationKey, turn: { turnId: string; tainted: boolean }): Promise<void>;
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
  /**
   * Removes what of a conversation is past its time: all of it, or the events of turns that ended long ago. At most
   * `rowsMax` events at once; true when there is more. Refused as `storage_unavailable` while somebody is at work on it.
   */
  retain(key: ConversationKey, limits: Pick<Limits, "conversationsKeptDays" | "eventsKeptDays">, rowsMax: number): Promise<boolean>;
}
