import type {
  Cursor,
  DrainResult,
  EndUser,
  Execution,
  ListExecutions,
  MessageMode,
  Page,
  RunState,
  SubmitResult,
  TurnOptions,
} from "@parley/contracts";
import type { ConversationKey, PostedElsewhere } from "../turn/turn-store.ts";

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
  idempotencyKey: string | null;
  /** SHA-256 of the body in hex; what the idempotency key stands for. */
  bodyHash: string | null;
  queueMax: number;
  /** How long a `queue` message may wait on an idle conversation before the sweep starts it. */
  graceMs: number;
  wantsExecution: boolean;
}

export type Posted = Omit<PostedElsewhere, "conversationId">;
/** `execution` is null unless it was wanted, and for a conversation's first turn, which is made of the message alone. */
export type Submitted = SubmitResult & Posted & { execution: Execution | null; at: string };

export interface Stopped {
  stopped: boolean;
  turnId: string | null;
  queueCleared: number;
  queueDepth: number;
  /** What a background child's parent was told of its end. */
  parent: PostedElsewhere | null;
}

/** Writes of the front door: each one transaction, refused with a `GatewayError` and then without a trace. */
export interface ConversationStore {
  submit(message: NewMessage): Promise<Submitted>;
  stop(key: ConversationKey, options: { turnId: string | null; clearQueue: boolean }): Promise<Posted & Stopped>;
  cancel(key: ConversationKey, messageId: string): Promise<Posted & { cancelled: number; queueDepth: number }>;
  clear(key: ConversationKey): Promise<Posted & { cancelled: number; queueDepth: number }>;
  orderDrain(key: ConversationKey): Promise<{ action: DrainResult["action"]; queueDepth: number; cursor: Cursor; execution: Execution }>;
  runState(key: ConversationKey): Promise<RunState | null>;
}

/** Reads of executions; null where the organization has none such. */
export interface ExecutionStore {
  find(organizationId: string, executionId: string): Promise<Execution | null>;
  /** The root execution as it was, or is, in one of its turns; null while that turn has not begun. */
  findTurn(organizationId: string, conversationId: string, turnId: string): Promise<Execution | null>;
  /** Every execution below this one, children of children included, oldest first. */
  descendants(organizationId: string, executionId: string): Promise<Execution[]>;
  list(organizationId: string, filter: ListExecutions & { agentIds: string[] | null }): Promise<Page<Execution>>;
  /** False while it or something below it runs. */
  delete(organizationId: string, conversationId: string): Promise<boolean>;
}
