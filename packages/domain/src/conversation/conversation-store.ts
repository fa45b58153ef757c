import type {
  Branch,
  CardResult,
  CheckedAnswer,
  Cursor,
  DeleteExecution,
  DrainResult,
  EndUser,
  Execution,
  ListExecutions,
  MessageMode,
  MessageView,
  Page,
  PageQuery,
  ResetResult,
  RunState,
  SubmitResult,
  TurnOptions,
  Usage,
} from "@parley/contracts";
import type { BroughtPeer } from "../peer/peer-store.ts";
import type { StoredCard } from "../turn/stored-card.ts";
import type { ConversationKey, PostedElsewhere } from "../turn/turn-store.ts";

/** What a conversation is begun with: summaries of what was before, and the turns after that, oldest first. A turn without a result has no answer. */
export interface ToldPast {
  summaries: string[];
  turns: { text: string; result: string | null }[];
}

/** A message on its way in, every choice already made. */
export interface NewMessage extends ConversationKey {
  principalId: string;
  route: string;
  /** The id was made for this message: no such conversation exists yet. */
  isNew: boolean;
  /** Whether an unknown conversation id starts a conversation. */
  mayCreate: boolean;
  agentId: string;
  agentVersion: number;
  messageId: string;
  turnId: string;
  text: string;
  files: string[];
  user: EndUser | null;
  options: TurnOptions;
  mode: MessageMode;
  /** On an idle queue: run before what waits. */
  invoke: boolean;
  keepNothingWhenIdle: boolean;
  /** The earlier message that this one replaces, and the version of the conversation that the caller has seen. */
  edits: string | null;
  expectedVersion: number | null;
  idempotencyKey: string | null;
  /** SHA-256 of the body in hex; what the idempotency key stands for. */
  bodyHash: string | null;
  queueMax: number;
  /** What a turn may have of this message and those that it is merged with. */
  messageCharsMax: number;
  filesMax: number;
  /** How long a `queue` message may wait on an idle conversation before the sweep starts it. */
  graceMs: number;
  /** How long it may wait before it is given up. */
  keptMs: number;
  wantsExecution: boolean;
  /** Null: the conversation begins with the message, or is there already. */
  past: ToldPast | null;
  /** What its turn may call beside its agent's own peers. */
  peers?: BroughtPeer[];
}

export type Posted = Omit<PostedElsewhere, "conversationId">;

/** A background child that must end; `owner` is the worker that runs it now. */
export interface DoomedChild {
  executionId: string;
  agentId: string;
  mode: "async";
  owner: string | null;
}

/** `execution` is null unless it was wanted, and for a conversation's first turn, which is made of the message alone. */
export type Submitted = Omit<SubmitResult, "askedMode"> & Posted & { doomed: DoomedChild[]; execution: Execution | null; at: string };

export interface Stopped {
  stopped: boolean;
  turnId: string | null;
  children: { executionId: string; agentId: string; mode: "sync" | "async" }[];
  cards: string[];
  queueCleared: number;
  queueDepth: number;
  doomed: DoomedChild[];
  /** What a background child's parent was told of its end. */
  parent: PostedElsewhere | null;
}

/** A decision about an open card. */
export interface CardDecision {
  cardId: string;
  principalId: string;
  /** Refused when the call to approve has other arguments; null where the caller does not say. */
  argumentsHash: string | null;
}

type Decided = Posted & Omit<CardResult, "conversationId" | "replayed">;

/** Writes of the front door: each one transaction, refused with a `GatewayError` and then without a trace. */
export interface ConversationStore {
  submit(message: NewMessage): Promise<Submitted>;
  stop(key: ConversationKey, options: { turnId: string | null; clearQueue: boolean }): Promise<Posted & Stopped>;
  cancel(key: ConversationKey, messageId: string): Promise<Posted & { cancelled: number; queueDepth: number }>;
  /** The same branch where there was nothing to leave behind. */
  reset(key: ConversationKey): Promise<Posted & Pick<ResetResult, "branch" | "messageCount"> & { doomed: DoomedChild[] }>;
  clear(key: ConversationKey): Promise<Posted & { cancelled: number; queueDepth: number }>;
  /** Changes a message that waits; null leaves as it is. */
  change(
    key: ConversationKey,
    change: { messageId: string; text: string | null; files: string[] | null; position: number | null },
  ): Promise<Posted & { messageId: string; position: number; queueDepth: number }>;
  findMessage(key: ConversationKey, messageId: string): Promise<MessageView | null>;
  findCard(key: ConversationKey, cardId: string): Promise<StoredCard | null>;
  /** Closes an open card by compare-and-set; at the last one the turn goes on. */
  answerCard(key: ConversationKey, decision: CardDecision & { answers: CheckedAnswer[] }): Promise<Decided>;
  decideCard(key: ConversationKey, decision: CardDecision & { outcome: "approved" | "denied"; comment: string | null }): Promise<Decided>;
  orderDrain(key: ConversationKey): Promise<{ action: DrainResult["action"]; queueDepth: number; cursor: Cursor; execution: Execution }>;
  runState(key: ConversationKey): Promise<StoredRunState | null>;
  /** Whether the message that would become this turn waits, in the queue or for a step boundary. */
  isWaiting(key: ConversationKey, turnId: string): Promise<boolean>;
  /** Those of `turnIds` that are not in that branch, or in the current one when it is null; null where there is no such branch. */
  hiddenTurns(key: ConversationKey, branch: number | null, turnIds: string[]): Promise<string[] | null>;
  /** Newest first; null where there is no such conversation. */
  branches(key: ConversationKey, page: PageQuery): Promise<Page<Branch> | null>;
}

export type StoredRunState = Omit<RunState, "cards"> & { cards: StoredCard[] };

export interface Below {
  children: Execution[];
  leftOut: number;
}

/** Reads of executions; null where the organization has none such. */
export interface ExecutionStore {
  find(organizationId: string, executionId: string): Promise<Execution | null>;
  /** The root execution as it was, or is, in one of its turns; null while that turn has not begun. */
  findTurn(organizationId: string, conversationId: string, turnId: string): Promise<Execution | null>;
  /**
   * The executions below this one that those of its turns have started, children of children included, oldest first. Those
   * beyond `childrenMax` are only counted, the deepest first.
   */
  below(organizationId: string, executionId: string, options: { turnIds: string[]; childrenMax: number }): Promise<Below>;
  /** What all turns of a conversation have used, and every execution below it. */
  usage(organizationId: string, conversationId: string): Promise<{ root: Usage; below: Usage }>;
  /** The names of the tools that it called in its newest turn. */
  usedTools(organizationId: string, executionId: string): Promise<string[]>;
  list(organizationId: string, filter: ListExecutions & { agentIds: string[] | null }): Promise<Page<Execution>>;
  /** False while it or something below it runs. `forget`: what was learned nowhere else is forgotten. */
  delete(organizationId: string, conversationId: string, memories: DeleteExecution["memories"]): Promise<boolean>;
}
