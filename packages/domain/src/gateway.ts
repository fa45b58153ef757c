import type {
  Agent,
  AgentConfig,
  AgentVersion,
  AnswerInput,
  ApiKey,
  Branch,
  Card,
  CardResult,
  ChangedMessage,
  ChangeMessage,
  ConversationView,
  CreateKey,
  CreateSession,
  Cursor,
  DecideInput,
  DeleteExecution,
  DrainResult,
  Execution,
  FullThread,
  InlinePeer,
  ListExecutions,
  ListMemories,
  LogEvent,
  Memory,
  MessageView,
  NewApiKey,
  NewSession,
  Page,
  PageQuery,
  QueueResult,
  ResetResult,
  RotatedKey,
  RotateKey,
  RunState,
  Session,
  StopResult,
  StoreMemory,
  SubmitInput,
  SubmitResult,
  ThreadPart,
} from "@parley/contracts";
import type { A2aUseCases } from "./a2a/a2a-use-cases.ts";
import type { ActivityUseCases } from "./activity/activity-use-cases.ts";
import type { BillingUseCases } from "./billing/billing-use-cases.ts";
import type { ChatUseCases } from "./chat/chat-use-cases.ts";
import type { ToldPast } from "./conversation/conversation-store.ts";
import type { DirectCall, DirectResult } from "./direct/call-direct.ts";
import type { ResolvedModel } from "./direct/resolve-model.ts";
import type { HookUseCases } from "./hook/hook-use-cases.ts";
import type { ClaimedCall } from "./idempotency/claim-call.ts";
import type { Once } from "./idempotency/repeat-store.ts";
import type { Caller } from "./identity/caller.ts";
import type { MediaUseCases } from "./media/media-use-cases.ts";
import type { PaymentUseCases } from "./payment/payment-use-cases.ts";
import type { PeerUseCases } from "./peer/peer-use-cases.ts";
import type { PlanUseCases } from "./plan/plan-use-cases.ts";
import type { WebhookUseCases } from "./webhook/webhook-use-cases.ts";

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
  /**
   * The earlier message of the user that this one replaces: what came after it is cut off and stays as a branch, a turn under way is
   * stopped, and this message runs next, whatever its mode. `version_mismatch` where the conversation has another version.
   */
  edits?: { messageId: string; expectedVersion?: number | undefined };
  /** Peers that the message's turn may call beside its agent's own. Their credentials are sealed, and gone when the turn ends. */
  peers?: InlinePeer[] | undefined;
  /** Tokens of each answer of a model within the message's turn. */
  outputTokensMax?: number;
  /** What a new conversation is begun with. Counts as said by others: the turn is tainted. */
  past?: ToldPast | undefined;
}

/** Every use case of the front door. All take the caller first; what the caller may not see is `not_found`. */
export interface Gateway
  extends A2aUseCases,
    ActivityUseCases,
    BillingUseCases,
    ChatUseCases,
    HookUseCases,
    MediaUseCases,
    PeerUseCases,
    PaymentUseCases,
    PlanUseCases,
    WebhookUseCases {
  authenticate(credential: string): Promise<Caller>;

  submitMessage(caller: Caller, input: SubmitInput, facts: SubmitFacts): Promise<SubmitResult>;
  /** Submits, and shows what the conversation's execution is with it, without a read besides. Null for a repeated call: by now it may be that of a later turn. */
  submitAndShow(caller: Caller, input: SubmitInput, facts: SubmitFacts): Promise<{ submitted: SubmitResult; execution: Execution | null }>;
  /** Submits, and follows from just before the message, without a gap and without a read in between. */
  submitAndFollow(caller: Caller, input: SubmitInput, facts: SubmitFacts & FollowOptions): Promise<Following & { submitted: SubmitResult }>;
  /** Without `after`: the whole log. A cursor that this conversation never gave out is `invalid_cursor`. */
  followConversation(caller: Caller, input: { conversationId: string; after?: Cursor | undefined } & FollowOptions): Promise<Following>;
  /** The execution as it is in this turn, `pending` while it waits. `not_found` for a turn that neither is nor will be. */
  readTurn(caller: Caller, input: { conversationId: string; turnId: string }): Promise<Execution>;
  /** Waits until the turn has ended or paused, at most `waitMs`; answers the execution as it is then. */
  awaitTurn(caller: Caller, input: { conversationId: string; turnId: string; waitMs: number; signal: AbortSignal }): Promise<Execution>;

  /** What a model's name stands for. Throws `model_not_found`. */
  resolveModel(name: string): ResolvedModel;
  /** The names that calls on the direct path may use: models and aliases. */
  listModels(): Promise<string[]>;
  /** Calls models without a conversation: nothing of it is kept but its usage. */
  callModel(caller: Caller, call: DirectCall): Promise<DirectResult>;
  /**
   * Takes a key for a call that may be long and commits nothing itself. Waits while the first call under the key is under way: `call_under_way`
   * after a bound. Another input under the same key is `idempotency_mismatch`.
   */
  claimCall(caller: Caller, once: Once, input: unknown, signal: AbortSignal): Promise<ClaimedCall>;

  getRunState(caller: Caller, conversationId: string): Promise<RunState>;
  /** `branch`: one that an edit has ended; the current one when absent. */
  getConversation(
    caller: Caller,
    input: { conversationId: string; branch?: number | undefined; before?: Cursor | undefined },
  ): Promise<ConversationView>;
  /** The tails that edits have cut off, newest first. */
  listBranches(caller: Caller, input: { conversationId: string } & PageQuery): Promise<Page<Branch>>;
  getMessage(caller: Caller, input: { conversationId: string; messageId: string }): Promise<MessageView>;
  getCard(caller: Caller, input: { conversationId: string; cardId: string }): Promise<Card>;
  stopConversation(
    caller: Caller,
    input: { conversationId: string; turnId?: string | undefined; clearQueue: boolean },
    once?: Once,
  ): Promise<StopResult>;
  cancelMessage(caller: Caller, input: { conversationId: string; messageId: string }, once?: Once): Promise<QueueResult>;
  changeMessage(caller: Caller, input: ChangeMessage, once?: Once): Promise<ChangedMessage>;
  clearQueue(caller: Caller, conversationId: string, once?: Once): Promise<QueueResult>;
  drainConversation(caller: Caller, conversationId: string, once?: Once): Promise<DrainResult>;
  /** Begins it anew under its id: its turns stay as a branch. `turn_in_progress` while one is under way. */
  resetConversation(caller: Caller, conversationId: string, once?: Once): Promise<ResetResult>;
  /** Answers the questions of an open card. `invalid_answers` before anything is written; `card_closed` for whoever comes second. */
  answerCard(caller: Caller, input: AnswerInput, once?: Once): Promise<CardResult>;
  /**
   * The text is the answer where the conversation waits for one question and nothing else. Throws `card_closed` where it does not, and what `answerCard`
   * throws. A repeated call gets the first answer, whatever the conversation does by then.
   */
  answerByText(caller: Caller, input: { conversationId: string; text: string }, once?: Once): Promise<CardResult>;
  /** Approves or denies the call of an open card. */
  decideCard(caller: Caller, input: DecideInput, once?: Once): Promise<CardResult>;

  getExecution(caller: Caller, executionId: string): Promise<Execution>;
  listExecutions(caller: Caller, filter: ListExecutions): Promise<Page<Execution>>;
  getThread(caller: Caller, input: { executionId: string; before?: Cursor | undefined }): Promise<ThreadPart>;
  /** The threads of an execution and of every child below it, by execution id; the root's under `root`. */
  getFullThread(caller: Caller, input: { executionId: string; before?: Cursor | undefined }): Promise<FullThread>;
  /** Idempotent: a terminal execution is returned unchanged. */
  stopExecution(caller: Caller, executionId: string, once?: Once): Promise<Execution>;
  /** Deletes a conversation that is not running, and all below it; with it go, unless they are kept, the memories that were learned nowhere else. */
  deleteExecution(caller: Caller, input: { executionId: string; memories: DeleteExecution["memories"] }, once?: Once): Promise<void>;

  createAgent(caller: Caller, input: { name: string; description: string; config: AgentConfig }, once?: Once): Promise<Agent>;
  /** Saves a draft; callers see it after `deployAgent`, or with version `draft`. */
  updateAgent(
    caller: Caller,
    input: { agentId: string; name?: string | undefined; description?: string | undefined; config?: AgentConfig | undefined },
    once?: Once,
  ): Promise<Agent>;
  deployAgent(caller: Caller, agentId: string, once?: Once): Promise<Agent>;
  /** It takes nothing new (`agent_suspended`) and begins no turn; those under way end, and what waits is held. */
  suspendAgent(caller: Caller, agentId: string, once?: Once): Promise<Agent>;
  /** It takes turns again. Held queues go on with the next explicit action. */
  resumeAgent(caller: Caller, agentId: string, once?: Once): Promise<Agent>;
  /** From now on it is `not_found`. Turns under way end; what was said with it stays. */
  deleteAgent(caller: Caller, agentId: string, once?: Once): Promise<void>;
  getAgent(caller: Caller, agentId: string, version?: AgentVersion): Promise<Agent>;
  /** Oldest first. */
  listAgents(caller: Caller, page: PageQuery): Promise<Page<Agent>>;

  /**
   * `maker` null: the operator. A key's maker can give on no scope and no agent that it does not have itself. A repeated call gets the
   * key's row without the key: `apiKey` is null then.
   */
  createKey(organizationId: string, input: CreateKey, maker: Caller | null, once?: Once): Promise<NewApiKey>;
  /** Oldest first. */
  listKeys(organizationId: string, page: PageQuery): Promise<Page<ApiKey>>;
  /** Gives a key another secret, as `createKey` does; the old one stays good for a while, on open connections, too. */
  rotateKey(organizationId: string, input: RotateKey, maker: Caller | null, once?: Once): Promise<RotatedKey>;
  /** `revoker` null: the operator. */
  revokeKey(organizationId: string, keyId: string, revoker: Caller | null, once?: Once): Promise<void>;
  /** A browser's session, with the caller's rights: those of their key, as long as it has them. A repeated call gets it without its token. */
  createSession(caller: Caller, input: CreateSession, once?: Once): Promise<NewSession>;
  /** The caller's own, newest first; with the scope `admin` the organization's. */
  listSessions(caller: Caller): Promise<Session[]>;
  revokeSession(caller: Caller, sessionId: string, once?: Once): Promise<void>;
  createOrganization(input: { name: string }, once?: Once): Promise<{ id: string; name: string }>;

  /** What is remembered beyond conversations, newest first; with a query, what fits it best. */
  listMemories(caller: Caller, filter: ListMemories): Promise<Page<Memory>>;
  /** Keeps a fact that somebody says, as an agent would that learns it; the same text in the same place is one memory. */
  storeMemory(caller: Caller, input: StoreMemory, once?: Once): Promise<{ id: string }>;
  /** Forgets it. */
  deleteMemory(caller: Caller, memoryId: string, once?: Once): Promise<void>;

  /** Whether the parts that a turn needs answer: for `/ready`. */
  checkReady(): Promise<{ postgres: boolean; redis: boolean }>;
}
