import type { Limits, PeerReport } from "@parley/contracts";
import type { FindAgent } from "../agent/agent-catalog.ts";
import type { BillingStore } from "../billing/billing-store.ts";
import type { MeteredModel } from "../billing/meter-model.ts";
import type { TurnPayments } from "../billing/turn-purse.ts";
import type { Clock } from "../clock.ts";
import type { CompactionStore } from "../compaction/compaction-store.ts";
import type { EngineMetrics } from "../engine-metrics.ts";
import type { JobQueue } from "../job-queue.ts";
import type { LiveTail } from "../log/live-tail.ts";
import type { Log } from "../logger.ts";
import type { FilePorts, ShowFiles } from "../media/show-files.ts";
import type { MemoryPorts } from "../memory/memory-ports.ts";
import type { ModelMessage } from "../model/model.ts";
import type { PeerPorts } from "../peer/peer-ports.ts";
import type { FindTools } from "./agent-tool.ts";
import type { JournalIndex } from "./journal-index.ts";
import type { IntentRecord, ResponseRecord, ResultRecord } from "./journal-line.ts";
import type { NewCard, StoredCard } from "./stored-card.ts";
import type { ActiveTurn, TurnHolder } from "./turn-holder.ts";
import type { ChildChange, ConversationKey, TurnAgent, TurnStore } from "./turn-store.ts";
import type { UsageSheet } from "./usage-sheet.ts";

export interface RunTurnPorts {
  store: TurnStore;
  tail: LiveTail;
  queue: JobQueue;
  model: MeteredModel;
  findAgent: FindAgent;
  findTools: FindTools;
  memory: MemoryPorts;
  peers: PeerPorts;
  billing: Pick<BillingStore, "grow" | "pending" | "findPrice">;
  refuseUnpriced: boolean;
  /** The model that vectors are made by. */
  embeddingModel: string;
  compactions: CompactionStore;
  /** Summarises what of a conversation's past is too long; never throws for a summary that could not be made. */
  compact: (key: ConversationKey, signal: AbortSignal) => Promise<void>;
  files: FilePorts;
  holder: TurnHolder;
  clock: Clock;
  log: Log;
  random: () => number;
  metrics: EngineMetrics;
  /** This process, unique among all workers. */
  workerId: string;
  leaseMs: number;
  limits: Limits;
  isDraining: () => boolean;
}

/** What all executions of one running turn share. */
export interface TurnRun {
  active: ActiveTurn;
  model: MeteredModel;
  findAgent: FindAgent;
  findTools: FindTools;
  memory: MemoryPorts;
  peers: PeerPorts;
  payments: TurnPayments;
  showFiles: ShowFiles;
  /** Whether something that the turn was told at its start, or by a steer, comes from a tool, a peer or a page. */
  tainted: boolean;
  /** What Postgres was told of that; null while it was told nothing. */
  taintTold: boolean | null;
  store: Pick<TurnStore, "taint">;
  clock: Clock;
  limits: Limits;
  journal: JournalIndex;
  /** What this turn has asked people before this attempt, by card id. */
  cards: ReadonlyMap<string, StoredCard>;
  usage: UsageSheet;
  random: () => number;
  /** Whether people may be asked for what a peer wants: the turn's agent may ask them. */
  mayAskForPeers: boolean;
  /** Children started in this turn, over all attempts. */
  childrenStarted: number;
  /** The worker shuts down: end at the next step boundary. */
  isDraining: () => boolean;
  /** Orders an async child, which its commit has made ready, to be run. */
  kickChild: (childId: string) => void;
  /** `runExecution`, for children: the knot of the recursion. */
  execute: (run: TurnRun, execution: RunningExecution) => Promise<ExecutionEnd>;
}

/** One call of a step, and what it is to do. */
export interface PlannedCall {
  step: number;
  callIndex: number;
  /** The tool's name, as the model called it. */
  tool: string;
  intent: IntentRecord;
}

/** What came of a call: its result, or cards that people have to close first. */
export type CallEnd = { result: ResultRecord } | { waitsFor: NewCard[] };

/** The root of a turn, or a child that runs within it. */
export interface RunningExecution {
  id: string;
  agent: TurnAgent;
  /** 0 is the root. */
  depth: number;
  /** The conversation with the model so far; grows with every step. */
  messages: ModelMessage[];
  signal: AbortSignal;
  /** Whether others had a say in what it has read: in what it was asked, its tools' words, or the results of its calls. */
  tainted: boolean;
}

/** `answer`: the last response, not yet written anywhere. `paused`: cards are open; `children` is written with that. */
export type ExecutionEnd =
  | { kind: "answer"; step: number; response: ResponseRecord }
  | { kind: "paused"; cards: NewCard[]; children?: ChildChange[] };

/** `peer`: the turn was a call of a peer. */
export type TurnEnd = ExecutionEnd | { kind: "peer"; told: ResultRecord; report: PeerReport; children: ChildChange[] };
