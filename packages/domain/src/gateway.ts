import type {
  Agent,
  AgentConfig,
  AgentVersion,
  ApiKey,
  ConversationView,
  CreateKey,
  Cursor,
  DrainResult,
  Execution,
  ListExecutions,
  LogEvent,
  NewApiKey,
  Page,
  QueueResult,
  RunState,
  StopResult,
  SubmitInput,
  SubmitResult,
  ThreadMessage,
} from "@parley/contracts";
import type { Caller } from "./identity/caller.ts";

/** A conversation being followed: what it was at the cursor, and every event after it. */
export interface Following {
  /** The root execution as of the start of `events`; fold the events into it to keep it true. */
  execution: Execution;
  /** Where `events` starts: the cursor that the first of them follows. */
  cursor: Cursor;
  /** Ends when the signal aborts or the stream's lifetime is over; never because a turn ended. */
  events: AsyncIterable<LogEvent>;
}

export interface FollowOptions {
  /** Ends the following; the turn itself goes on. */
  signal: AbortSignal;
}

/** How a message came in, where its door's rules differ from `auto`'s. */
export interface SubmitFacts {
  /** The route's name: idempotency keys are scoped to it. */
  route: string;
  /** `invoke`: on an idle queue the message runs before what waits, and an unknown conversation id starts one. */
  invoke?: boolean;
  /** Gen-1 `messages` with `auto`: keeps nothing when idle, answers `started`. */
  keepNothingWhenIdle?: boolean;
}

/** Every use case of the front door. All take the caller first; what the caller may not see is `not_found`. */
export interface Gateway {
  authenticate(credential: string): Promise<Caller>;

  submitMessage(caller: Caller, input: SubmitInput, facts: SubmitFacts): Promise<SubmitResult>;
  /** Submits, and follows from just before the message, without a gap and without a read in between. */
  submitAndFollow(caller: Caller, input: SubmitInput, facts: SubmitFacts & FollowOptions): Promise<Following & { submitted: SubmitResult }>;
  /** Without `after`: the whole log. A cursor that this conversation never gave out is `invalid_cursor`. */
  followConversation(caller: Caller, input: { conversationId: string; after?: Cursor | undefined } & FollowOptions): Promise<Following>;
  /** Waits until the turn has ended or paused, at most `waitMs`; answers the execution as it is then. */
  awaitTurn(caller: Caller, input: { conversationId: string; turnId: string; waitMs: number; signal: AbortSignal }): Promise<Execution>;

  getRunState(caller: Caller, conversationId: string): Promise<RunState>;
  getConversation(caller: Caller, conversationId: string): Promise<ConversationView>;
  stopConversation(
    caller: Caller,
    input: { conversationId: string; turnId?: string | undefined; clearQueue: boolean },
  ): Promise<StopResult>;
  cancelMessage(caller: Caller, input: { conversationId: string; messageId: string }): Promise<QueueResult>;
  clearQueue(caller: Caller, conversationId: string): Promise<QueueResult>;
  drainConversation(caller: Caller, conversationId: string): Promise<DrainResult>;

  getExecution(caller: Caller, executionId: string): Promise<Execution>;
  listExecutions(caller: Caller, filter: ListExecutions): Promise<Page<Execution>>;
  getThread(caller: Caller, executionId: string): Promise<ThreadMessage[]>;
  /** The threads of an execution and of every child below it, by execution id; the root's under `root`. */
  getFullThread(caller: Caller, executionId: string): Promise<Record<string, ThreadMessage[]>>;
  /** Idempotent: a terminal execution is returned unchanged. */
  stopExecution(caller: Caller, executionId: string): Promise<Execution>;
  /** Deletes a conversation that is not running, and all below it. */
  deleteExecution(caller: Caller, executionId: string): Promise<void>;

  createAgent(caller: Caller, input: { name: string; description: string; config: AgentConfig }): Promise<Agent>;
  /** Saves a draft; callers see it after `deployAgent`, or with version `draft`. */
  updateAgent(
    caller: Caller,
    input: { agentId: string; name?: string | undefined; description?: string | undefined; config?: AgentConfig | undefined },
  ): Promise<Agent>;
  deployAgent(caller: Caller, agentId: string): Promise<Agent>;
  getAgent(caller: Caller, agentId: string, version?: AgentVersion): Promise<Agent>;
  listAgents(caller: Caller): Promise<Agent[]>;

  /** `maker` absent: the operator. A key's maker can give on no scope and no agent that it does not have itself. */
  createKey(organizationId: string, input: CreateKey, maker?: Caller): Promise<NewApiKey>;
  listKeys(organizationId: string): Promise<ApiKey[]>;
  revokeKey(organizationId: string, keyId: string): Promise<void>;
  createOrganization(input: { name: string }): Promise<{ id: string; name: string }>;

  /** Whether the parts that a turn needs answer: for `/ready`. */
  checkReady(): Promise<{ postgres: boolean; redis: boolean }>;
}
