/*
 * Made from the router's types by `npm run generate`. Do not edit.
 * It is what lets the published client do without any of the server's code or declarations.
 */

export type ActivityEvent = {
  id: number;
  type: ActivityType;
  agentId: string | null;
  conversationId: string | null;
  at: string;
  payload: { [key: string]: unknown };
};

export type ActivityType =
  | "message:received"
  | "message:sent"
  | "message:streaming"
  | "session:created"
  | "session:expired"
  | "session:sub_agent_spawned"
  | "session:sub_agent_spawn_started"
  | "session:sub_agent_completed"
  | "session:sub_agent_lifecycle_ended"
  | "session:sub_agent_archived"
  | "session:sub_agent_spawn_queued"
  | "session:sub_agent_spawn_rejected"
  | "audit:event"
  | "security:memory_tainted"
  | "security:injection_detected"
  | "security:injection_rate_exceeded"
  | "security:warn"
  | "secret:accessed"
  | "secret:modified"
  | "skill:loaded"
  | "skill:executed"
  | "skill:rejected"
  | "skill:registry_reset"
  | "observability:metrics"
  | "observability:token_usage"
  | "observability:reset"
  | "scheduler:job_started"
  | "scheduler:job_completed"
  | "scheduler:heartbeat_check"
  | "scheduler:heartbeat_delivered"
  | "scheduler:heartbeat_alert"
  | "scheduler:task_extracted"
  | "approval:requested"
  | "approval:resolved"
  | "graph:started"
  | "graph:node_updated"
  | "graph:completed"
  | "config:patched"
  | "diagnostic:channel_health"
  | "diagnostic:billing_snapshot"
  | "model:catalog_loaded"
  | "model:fallback_attempt"
  | "model:fallback_exhausted"
  | "model:auth_cooldown"
  | "provider:degraded"
  | "provider:recovered"
  | "agent:hot_added"
  | "agent:hot_removed"
  | "channel:registered"
  | "channel:deregistered"
  | "system:error";

export type Agent = {
  id: string;
  organizationId: string;
  name: string;
  description: string;
  version: number;
  state: AgentState;
  config: {
    instructions: string;
    model: string;
    fallbackModels: string[];
    subAgents: { agentId: string; mode: DispatchMode; needsApproval: boolean; sensitive: boolean }[];
    peers: AgentPeer[];
    tools: HttpTool[];
    questionsExpireAfterSeconds: number | null;
    approvalsExpireAfterSeconds: number | null;
    mayAsk: boolean;
    wakeOnAsyncResult: boolean;
    recipes: { [key: string]: RecipePermission };
    memory: MemoryConfig;
    stepsMax: number;
    temperature?: number | undefined;
    maxOutputTokens?: number | undefined;
    reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
    relayTo?: string | undefined;
  };
  createdAt: string;
};

export type AgentPeer = {
  peerId: string;
  mode: "sync" | "async";
  needsApproval: boolean;
  sensitive: boolean;
  skills?: string[] | undefined;
};

export type AgentState = "active" | "suspended" | "deleted";

export type ApiKey = {
  id: string;
  organizationId: string;
  name: string;
  prefix: string;
  scopes: Scope[];
  agentIds: string[] | null;
  expiresAt: string | null;
  revokedAt: string | null;
  createdAt: string;
  mcp: McpAccess | null;
};

export type ApprovalRequest = { tool: string; arguments?: unknown; argumentsHash: string; agentId: string; tainted?: true | undefined };

export type BillingAccount = {
  organizationId: string;
  mode: BillingMode;
  balanceMicros: number;
  heldMicros: number;
  accounts: { [key: string]: number };
};

export type BillingMode = "postpaid" | "prepaid";

export type Branch = { branch: number; editedMessageId: string | null; endedAt: string };

export type Budget = {
  id: string;
  scope: "key" | "agent" | "organization" | "user";
  subject: string;
  period: "day" | "month" | "total";
  limitMicros: number;
  alertPercent: number;
  hard: boolean;
  createdAt: string;
  startsOn: string;
  spentMicros: number;
  heldMicros: number;
  alertedAt: string | null;
  reachedAt: string | null;
};

export type CallRecord = { callId: string; name: string; arguments: string };

export type Card =
  | {
      id: string;
      turnId: string;
      executionId: string;
      status: "open" | CardOutcome;
      answeredBy: string | null;
      createdAt: string;
      expiresAt: string | null;
      closedAt: string | null;
      kind: "questions";
      questions: {
        id: string;
        text: string;
        multiSelect: boolean;
        allowFreeText: boolean;
        required: boolean;
        options: { id: string; label: string; description?: string | undefined }[];
        header?: string | undefined;
      }[];
      answer: { answers: CheckedAnswer[] } | null;
    }
  | {
      id: string;
      turnId: string;
      executionId: string;
      status: "open" | CardOutcome;
      answeredBy: string | null;
      createdAt: string;
      expiresAt: string | null;
      closedAt: string | null;
      kind: "approval";
      approval: ApprovalRequest;
      answer: Decision | null;
    };

export type CardOutcome = "answered" | "approved" | "denied" | "expired" | "superseded" | "cancelled";

export type CardResult = {
  conversationId: string;
  cardId: string;
  turnId: string;
  outcome: CardOutcome;
  cardsOpen: number;
  resumed: boolean;
  cursor: string;
  replayed: boolean;
};

export type ChangedMessage = { conversationId: string; messageId: string; position: number; queueDepth: number; replayed: boolean };

export type Charge = {
  at: string;
  sourceType: "agent" | "turn" | "direct" | "peer" | "plugin" | "refund";
  sourceId: string;
  transactionId: string | null;
  payer: "customer" | "house" | "outside";
  amountMicros: number;
  priceId: string | null;
  assumed: boolean;
  principalId: string | null;
  agentId: string | null;
  userId: string | null;
  conversationId: string | null;
  turnId: string | null;
  model: string;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  estimated: boolean;
  audioMs: number;
  images: number;
  registered: boolean;
  saleId: string | null;
};

export type CheckedAnswer = { questionId: string; selectedOptionIds: string[]; freeText: string | null };

export type Checkout = { url: string; sessionId: string; expiresAt: string };

export type CheckoutName = { sessionId: string };

export type CheckoutState = "open" | "failed" | "expired" | "paid";

export type ConversationState = "running" | "idle" | "ready" | "paused";

export type ConversationView = {
  conversationId: string;
  version: number;
  branch: number;
  root: ExecutionView;
  children: ExecutionView[];
  childrenLeftOut: number;
  usage: Usage;
};

export type Decision = { comment: string | null };

export type DecisionItem = { type: "decided"; cursor: string; data: CardResult } | LogEvent;

export type DispatchMode = "sync" | "async" | "auto";

export type DrainItem = LogEvent | { type: "draining"; cursor: string; data: DrainResult };

export type DrainResult = {
  conversationId: string;
  action: "running" | "paused" | "draining" | "empty";
  queueDepth: number;
  cursor: string;
  replayed: boolean;
};

export type EndUser = {
  email: string;
  displayName?: string | null | undefined;
  id?: string | null | undefined;
  firstName?: string | null | undefined;
  lastName?: string | null | undefined;
  timezone?: string | null | undefined;
  additionalAttributes?: { [key: string]: JSONType } | null | undefined;
};

export type ErrorCode =
  | "bad_request"
  | "invalid_input"
  | "invalid_cursor"
  | "unauthenticated"
  | "admin_not_configured"
  | "missing_scope"
  | "csrf_refused"
  | "not_found"
  | "method_not_allowed"
  | "turn_in_progress"
  | "agent_suspended"
  | "nothing_to_steer"
  | "version_mismatch"
  | "message_still_waiting"
  | "not_a_user_message"
  | "invalid_answers"
  | "card_closed"
  | "card_expired"
  | "approval_mismatch"
  | "message_not_waiting"
  | "idempotency_mismatch"
  | "body_too_large"
  | "message_too_large"
  | "unsupported_media_type"
  | "too_many_requests"
  | "too_many_streams"
  | "queue_full"
  | "model_not_found"
  | "model_refused"
  | "budget_exhausted"
  | "model_unpriced"
  | "model_busy"
  | "model_rejected"
  | "model_unavailable"
  | "egress_refused"
  | "egress_failed"
  | "storage_unavailable"
  | "stream_ended"
  | "attempt_superseded"
  | "turn_pending"
  | "call_under_way"
  | "answer_not_kept"
  | "stale_epoch"
  | "media_expired"
  | "range_not_satisfiable"
  | "media_quota_full"
  | "too_many_uploads"
  | "secrets_not_configured"
  | "limit_reached"
  | "hook_refused"
  | "hook_unmatched"
  | "too_many_deliveries"
  | "task_not_open"
  | "task_not_cancelable"
  | "webhook_disabled"
  | "payments_not_configured"
  | "plan_active"
  | "payment_refused"
  | "payment_required"
  | "session_required"
  | "session_invalid"
  | "insufficient_balance"
  | "voucher_failed"
  | "channel_gone"
  | "unknown_plugin"
  | "no_plugin"
  | "payment_pending"
  | "sum_too_large"
  | "payment_not_owed"
  | "plugin_failed"
  | "chat_failed"
  | "gateway_token_missing"
  | "payment_failed"
  | "internal";

export type ErrorData = {
  code: ErrorCode;
  httpStatus: number;
  retry: boolean;
  retryAfterSeconds?: number | undefined;
  refusedBy?: RefusedBy | undefined;
  issues?: ErrorIssue[] | undefined;
  logId?: string | undefined;
};

export type ErrorIssue = { path: (string | number)[]; message: string; code: string };

export type Execution = {
  id: string;
  organizationId: string;
  conversationId: string;
  agentId: string;
  agentVersion: number;
  parentId: string | null;
  mode: ExecutionMode;
  status: "error" | "pending" | "failed" | "completed" | "paused" | "executing" | "stopped";
  input: { text: string; files: string[] };
  user: {
    email: string;
    displayName?: string | null | undefined;
    id?: string | null | undefined;
    firstName?: string | null | undefined;
    lastName?: string | null | undefined;
    timezone?: string | null | undefined;
    additionalAttributes?: { [key: string]: JSONType } | null | undefined;
  } | null;
  options: TurnOptions;
  result: string | null;
  reason: TurnEndReason | null;
  refusedBy: RefusedBy | null;
  title: string | null;
  turnId: string | null;
  turnNumber: number;
  attempt: number;
  stoppedByUser: boolean;
  usage: Usage;
  childIds: string[];
  finishedChildIds: string[];
  usedTools?: string[] | undefined;
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  updatedAt: string;
};

export type ExecutionMode = "sync" | "async" | "root";

export type ExecutionStatus = "error" | "pending" | "failed" | "completed" | "paused" | "executing" | "stopped";

export type ExecutionView = { execution: Execution; thread: ThreadEntry[]; older: string | null; usage: Usage };

export type FullThread = { threads: { [key: string]: ThreadMessage[] }; older: string | null; childrenLeftOut: number };

export type Hook = {
  id: string;
  organizationId: string;
  url: string;
  createdAt: string;
  name: string;
  algorithm: HookAlgorithm;
  requireTimestamp: boolean;
  strict: boolean;
  mappings: HookMapping[];
};

export type HookAlgorithm = "sha256" | "sha384" | "sha512";

export type HookMapping = {
  agentId: string;
  id?: string | undefined;
  preset?: "github" | "gmail" | undefined;
  match?: { path?: string | undefined; source?: string | undefined } | undefined;
  sessionKey?: string | undefined;
  messageTemplate?: string | undefined;
};

export type HttpTool = {
  name: string;
  description: string;
  parameters: { [key: string]: JSONType };
  url: string;
  idempotent: boolean;
  needsApproval: boolean;
  sensitive: boolean;
  resultTrusted: boolean;
  timeoutMs: number;
  secret?: string | undefined;
};

export type JSONType = string | number | JSONType[] | { [key: string]: JSONType } | boolean | null;

export type LedgerEntry = {
  id: number;
  transactionId: string;
  account: "customer" | "house" | "revenue" | "credits" | "clearing" | "sessions";
  amountMicros: number;
  sourceType: string;
  sourceId: string;
  note: string;
  at: string;
};

export type LogEvent =
  | {
      cursor: string;
      previous?: string | undefined;
      type: "conversation.reset";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { branch: number; throughTurn: number };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.created";
      executionId: string;
      turnId: string | null;
      at: string;
      data: {
        messageId: string;
        turnId: string;
        input: MessageInput;
        user: EndUser | null;
        options: TurnOptions;
        mode: MessageMode;
        merged?: { messageId: string; turnId: string }[] | undefined;
      };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.started";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { turnNumber: number; attempt: number; agentVersion: number };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.delta";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { step: number; offset: number; text: string };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.snapshot";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { texts: TextSoFar[] };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "attempt.superseded";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { attempt: number; nextAttempt: number; discardFrom: string; reason: "shutdown" | "lease_lost" | "upstream" };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "step.completed";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { step: number; text: string; calls: CallRecord[]; model: string; finishReason: string };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "tool.called";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { step: number; callId: string; tool: string; arguments?: unknown };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "tool.returned";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { step: number; callId: string; tool: string; result: string; isError: boolean; unknown?: true | undefined };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "child.created";
      executionId: string;
      turnId: string | null;
      at: string;
      data: {
        childId: string;
        agentId: string;
        agentVersion: number;
        agentName: string;
        mode: "sync" | "async";
        query: string;
        peer?: PeerRequest | undefined;
      };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "child.finished";
      executionId: string;
      turnId: string | null;
      at: string;
      data: {
        childId: string;
        agentId: string;
        mode: "sync" | "async";
        status: ExecutionStatus;
        result: string | null;
        reason: TurnEndReason | null;
        usage: Usage;
        report?: PeerReport | undefined;
        call?: { name: string; skill: string | null; callId: string } | undefined;
      };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "peer.progressed";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { childId: string; state: PeerState; taskId: string; text: string };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "model.retried";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { model: string; retry: number; delayMs: number; error: string };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "model.fell_back";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { from: string; to: string; error: string };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "queue.updated";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { action: QueueAction; messageId: string | null; messageIds?: string[] | undefined; queueDepth: number };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "message.edited";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { messageId: string; input: MessageInput };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "steer.applied";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { messageId: string; step: number; text: string; files: string[] };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "steer.deferred";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { messageId: string; queueDepth: number };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "conversation.edited";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { messageId: string; newMessageId: string; branch: number; fromTurn: number };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "card.opened";
      executionId: string;
      turnId: string | null;
      at: string;
      data:
        | { cardId: string; expiresAt: string | null; kind: "questions"; questions: Question[] }
        | { cardId: string; expiresAt: string | null; kind: "approval"; approval: ApprovalRequest };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "card.closed";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { cardId: string; outcome: CardOutcome; answer?: Decision | { answers: CheckedAnswer[] } | undefined; by?: string | undefined };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.paused";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { cardIds: string[]; attempt?: number | undefined };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.resumed";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { cardId: string | null; attempt?: number | undefined };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "child.paused";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { childId: string; agentId: string; cardIds: string[] };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "conversation.compacted";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { throughTurn: number; level: number };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "history.compacted";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { summary: string; turns: number; tokensBefore: number; tokensAfter: number };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.completed";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { turnNumber: number; result: string; usage: Usage; more: boolean };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.failed";
      executionId: string;
      turnId: string | null;
      at: string;
      data: {
        turnNumber: number;
        status: "error" | "failed";
        reason: TurnEndReason;
        text: string;
        refusedBy?: RefusedBy | undefined;
        result: string | null;
        usage: Usage;
        more: boolean;
      };
    }
  | {
      cursor: string;
      previous?: string | undefined;
      type: "turn.stopped";
      executionId: string;
      turnId: string | null;
      at: string;
      data: { turnNumber: number; reason: TurnEndReason; result: string | null; usage: Usage; more: boolean };
    };

export type McpAccess = {
  tools: McpTool[];
  sessions: "*" | string[];
  toolCallsMax: {
    agents_list?: number | undefined;
    agent_ask?: number | undefined;
    sessions_list?: number | undefined;
    sessions_history?: number | undefined;
    session_search?: number | undefined;
    session_status?: number | undefined;
    memory_search?: number | undefined;
  };
};

export type McpTool =
  | "agents_list"
  | "agent_ask"
  | "sessions_list"
  | "sessions_history"
  | "session_search"
  | "session_status"
  | "memory_search";

export type Memory = {
  id: string;
  scope: MemoryScope;
  scopeId: string;
  agentId: string;
  text: string;
  tainted: boolean;
  conversationId: string | null;
  turnNumber: number | null;
  createdAt: string;
};

export type MemoryConfig = { recall: boolean; remember: boolean; learn: boolean; scopes: MemoryScope[] };

export type MemoryScope = "agent" | "organization" | "user";

export type MessageInput = { text: string; files: string[] };

export type MessageMode = "auto" | "queue" | "collect" | "steer" | "interrupt" | "reject";

export type MessageState = "expired" | "cancelled" | "queued" | "running" | "done" | "merged";

export type MessageView = {
  id: string;
  conversationId: string;
  agentId: string;
  state: MessageState;
  mode: MessageMode;
  turnId: string;
  steering: boolean;
  position: number;
  text: string;
  files: string[];
  user: EndUser | null;
  enqueuedAt: string;
  expiresAt: string | null;
};

export type NewApiKey = {
  apiKey: string | null;
  id: string;
  organizationId: string;
  name: string;
  prefix: string;
  scopes: Scope[];
  agentIds: string[] | null;
  expiresAt: string | null;
  revokedAt: string | null;
  createdAt: string;
  mcp: McpAccess | null;
};

export type NewHook = {
  secret: string | null;
  id: string;
  organizationId: string;
  url: string;
  createdAt: string;
  name: string;
  algorithm: HookAlgorithm;
  requireTimestamp: boolean;
  strict: boolean;
  mappings: HookMapping[];
};

export type NewWebhookEndpoint = {
  secret: string | null;
  id: string;
  organizationId: string;
  url: string;
  description: string;
  events: WebhookEvent[];
  agentIds: string[] | null;
  includeContent: boolean;
  failures: number;
  failingSince: string | null;
  disabledAt: string | null;
  disabledReason: "by_hand" | "failing" | "gone" | null;
  createdAt: string;
};

export type Payment = {
  kind: "card" | "call" | "offer" | "channel";
  id: string;
  method: string;
  plugin: string | null;
  state: string;
  amountMicros: number;
  payer: string | null;
  reference: string | null;
  sessionId: string | null;
  nonce: string | null;
  createdAt: string;
  changedAt: string;
};

export type Peer = {
  id: string;
  organizationId: string;
  name: string;
  protocol: PeerProtocol;
  endpoint: string;
  auth: ShownPeerAuth;
  trust: PeerTrust;
  skills: PeerSkill[] | null;
  priceMicros: number | null;
  timeoutMs: number | null;
  deduplicates: boolean;
  createdAt: string;
  updatedAt: string;
};

export type PeerProtocol = "a2a" | "openclaw";

export type PeerReport = {
  state:
    | "unknown"
    | "failed"
    | "submitted"
    | "working"
    | "completed"
    | "canceled"
    | "rejected"
    | "input-required"
    | "auth-required"
    | "payment-required"
    | "trust-verification-required";
  taskId: string | null;
  signatures: PeerSignatures | null;
  did: string | null;
  didSource: "pinned" | "observed" | null;
  error: string | null;
  tokens?: PeerTokens | undefined;
};

export type PeerRequest = {
  peerId: string | null;
  name: string;
  did: string | null;
  didSource: "pinned" | "observed" | null;
  skill: string | null;
  callId: string;
  input: { [key: string]: unknown };
};

export type PeerSignatures = { ok: boolean; signed: number; verified: number; unsigned: number };

export type PeerSkill = {
  id: string;
  tags: string[];
  outputModes: string[];
  name?: string | undefined;
  description?: string | undefined;
  inputSchema?: { [key: string]: JSONType } | undefined;
};

export type PeerState =
  | "unknown"
  | "failed"
  | "submitted"
  | "working"
  | "completed"
  | "canceled"
  | "rejected"
  | "input-required"
  | "auth-required"
  | "payment-required"
  | "trust-verification-required";

export type PeerTokens = { inputTokens: number; outputTokens: number; estimated: boolean };

export type PeerTrust = {
  verifyDid: boolean;
  policy: "strict" | "lenient";
  onBadSignature: "fail" | "report";
  pinnedDid?: string | undefined;
  pinnedKey?: string | undefined;
};

export type Plan = { name: string; priceMicros: number; creditMicros: number };

export type PlanInvoice = { id: string; plan: string; paidMicros: number; creditMicros: number; paidAt: string };

export type Plans = {
  plans: Plan[];
  packs: { pack: string; priceMicros: number; creditMicros: number }[];
  subscription: Subscription | null;
  subscriptions: Subscription[];
  invoices: PlanInvoice[];
};

export type Price = {
  id: string;
  own: boolean;
  kind: "agent" | "peer" | "model" | "plugin";
  name: string;
  inputPico: number;
  outputPico: number;
  cachedPico: number | null;
  reasoningPico: number | null;
  audioPico: number;
  imagePico: number;
  unitPico: number;
  withdrawn: boolean;
  effectiveFrom: string;
  createdAt: string;
};

export type Question = {
  id: string;
  text: string;
  multiSelect: boolean;
  allowFreeText: boolean;
  required: boolean;
  options: { id: string; label: string; description?: string | undefined }[];
  header?: string | undefined;
};

export type QuestionAnswer = {
  questionId: string;
  selectedOptionIds?: string[] | undefined;
  freeText?: string | null | undefined;
  answer?: string | undefined;
};

export type QueueAction = "drain" | "enqueue" | "cancel" | "clear" | "reorder" | "expire";

export type QueueResult = { conversationId: string; cancelled: number; queueDepth: number; replayed: boolean };

export type QueuedMessage = {
  id: string;
  turnId: string;
  text: string;
  files: string[];
  user: {
    email: string;
    displayName?: string | null | undefined;
    id?: string | null | undefined;
    firstName?: string | null | undefined;
    lastName?: string | null | undefined;
    timezone?: string | null | undefined;
    additionalAttributes?: { [key: string]: JSONType } | null | undefined;
  } | null;
  mode: MessageMode;
  position: number;
  idempotencyKey: string | null;
  enqueuedAt: string;
};

export type RecipePermission = "allow" | "deny" | "ask";

export type RefusedBy =
  | { kind: "balance"; tooLarge?: true | undefined }
  | {
      kind: "budget";
      scope: "key" | "agent" | "organization" | "user";
      period: "day" | "month" | "total";
      tooLarge?: true | undefined;
      limitMicros?: number | undefined;
      spentMicros?: number | undefined;
    };

export type ResetResult = { conversationId: string; branch: number; messageCount: number; replayed: boolean };

export type RotatedKey = {
  previousUntil: string;
  apiKey: string | null;
  id: string;
  organizationId: string;
  name: string;
  prefix: string;
  scopes: Scope[];
  agentIds: string[] | null;
  expiresAt: string | null;
  revokedAt: string | null;
  createdAt: string;
  mcp: McpAccess | null;
};

export type Routes = {
  activity: {
    follow: {
      kind: "subscription";
      input: { after?: number | undefined; lastEventId?: string | null | undefined } | undefined;
      output: ActivityEvent;
    };
  };
  agent: {
    create: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        name: string;
        description?: string | undefined;
        config?:
          | {
              instructions?: string | undefined;
              model?: string | undefined;
              fallbackModels?: string[] | undefined;
              temperature?: number | undefined;
              maxOutputTokens?: number | undefined;
              reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
              subAgents?:
                | {
                    agentId: string;
                    mode?: "sync" | "async" | "auto" | undefined;
                    needsApproval?: boolean | undefined;
                    sensitive?: boolean | undefined;
                  }[]
                | undefined;
              peers?:
                | {
                    peerId: string;
                    skills?: string[] | undefined;
                    mode?: "sync" | "async" | undefined;
                    needsApproval?: boolean | undefined;
                    sensitive?: boolean | undefined;
                  }[]
                | undefined;
              relayTo?: string | undefined;
              tools?:
                | {
                    name: string;
                    url: string;
                    description?: string | undefined;
                    parameters?: { [key: string]: JSONType } | undefined;
                    idempotent?: boolean | undefined;
                    needsApproval?: boolean | undefined;
                    sensitive?: boolean | undefined;
                    resultTrusted?: boolean | undefined;
                    secret?: string | undefined;
                    timeoutMs?: number | undefined;
                  }[]
                | undefined;
              questionsExpireAfterSeconds?: number | null | undefined;
              approvalsExpireAfterSeconds?: number | null | undefined;
              mayAsk?: boolean | undefined;
              wakeOnAsyncResult?: boolean | undefined;
              recipes?: { [key: string]: RecipePermission } | undefined;
              memory?:
                | {
                    recall?: boolean | undefined;
                    remember?: boolean | undefined;
                    learn?: boolean | undefined;
                    scopes?: MemoryScope[] | undefined;
                  }
                | undefined;
              stepsMax?: number | undefined;
            }
          | undefined;
      };
      output: Agent;
    };
    update: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        agentId: string;
        name?: string | undefined;
        description?: string | undefined;
        config?:
          | {
              instructions?: string | undefined;
              model?: string | undefined;
              fallbackModels?: string[] | undefined;
              temperature?: number | undefined;
              maxOutputTokens?: number | undefined;
              reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
              subAgents?:
                | {
                    agentId: string;
                    mode?: "sync" | "async" | "auto" | undefined;
                    needsApproval?: boolean | undefined;
                    sensitive?: boolean | undefined;
                  }[]
                | undefined;
              peers?:
                | {
                    peerId: string;
                    skills?: string[] | undefined;
                    mode?: "sync" | "async" | undefined;
                    needsApproval?: boolean | undefined;
                    sensitive?: boolean | undefined;
                  }[]
                | undefined;
              relayTo?: string | undefined;
              tools?:
                | {
                    name: string;
                    url: string;
                    description?: string | undefined;
                    parameters?: { [key: string]: JSONType } | undefined;
                    idempotent?: boolean | undefined;
                    needsApproval?: boolean | undefined;
                    sensitive?: boolean | undefined;
                    resultTrusted?: boolean | undefined;
                    secret?: string | undefined;
                    timeoutMs?: number | undefined;
                  }[]
                | undefined;
              questionsExpireAfterSeconds?: number | null | undefined;
              approvalsExpireAfterSeconds?: number | null | undefined;
              mayAsk?: boolean | undefined;
              wakeOnAsyncResult?: boolean | undefined;
              recipes?: { [key: string]: RecipePermission } | undefined;
              memory?:
                | {
                    recall?: boolean | undefined;
                    remember?: boolean | undefined;
                    learn?: boolean | undefined;
                    scopes?: MemoryScope[] | undefined;
                  }
                | undefined;
              stepsMax?: number | undefined;
            }
          | undefined;
      };
      output: Agent;
    };
    deploy: { kind: "mutation"; input: { idempotencyKey?: string | undefined; agentId: string }; output: Agent };
    suspend: { kind: "mutation"; input: { idempotencyKey?: string | undefined; agentId: string }; output: Agent };
    resume: { kind: "mutation"; input: { idempotencyKey?: string | undefined; agentId: string }; output: Agent };
    delete: { kind: "mutation"; input: { idempotencyKey?: string | undefined; agentId: string }; output: { deleted: true } };
    get: { kind: "query"; input: { agentId: string; version?: string | number | undefined }; output: Agent };
    list: {
      kind: "query";
      input: { page?: string | number | undefined; perPage?: string | number | undefined } | undefined;
      output: { items: Agent[]; total: number; page: number; perPage: number };
    };
  };
  billing: {
    account: { kind: "query"; input: void; output: BillingAccount };
    prices: {
      kind: "query";
      input:
        | {
            kind?: "agent" | "peer" | "model" | "plugin" | undefined;
            name?: string | undefined;
            page?: string | number | undefined;
            perPage?: string | number | undefined;
          }
        | undefined;
      output: { items: Price[]; total: number; page: number; perPage: number };
    };
    statement: { kind: "query"; input: StatementQuery | undefined; output: Statement };
    charges: {
      kind: "query";
      input:
        | {
            payer?: "customer" | "house" | "outside" | undefined;
            transactionId?: string | undefined;
            key?: string | undefined;
            agent?: string | undefined;
            model?: string | undefined;
            user?: string | undefined;
            turn?: string | undefined;
            sale?: string | undefined;
            from?: string | undefined;
            to?: string | undefined;
            after?: string | undefined;
            limit?: string | number | undefined;
          }
        | undefined;
      output: { currency: "usd"; items: Charge[]; next: string | null };
    };
    payments: {
      kind: "query";
      input:
        | {
            kind?: "card" | "call" | "offer" | "channel" | undefined;
            state?: string | undefined;
            reference?: string | undefined;
            after?: string | undefined;
            limit?: string | number | undefined;
          }
        | undefined;
      output: { currency: "usd"; items: Payment[]; next: string | null };
    };
    entries: {
      kind: "query";
      input:
        | {
            account?: "customer" | "house" | "revenue" | "credits" | "clearing" | "sessions" | undefined;
            sourceType?: string | undefined;
            sourceId?: string | undefined;
            transactionId?: string | undefined;
            from?: string | undefined;
            to?: string | undefined;
            page?: string | number | undefined;
            perPage?: string | number | undefined;
          }
        | undefined;
      output: { items: LedgerEntry[]; total: number; page: number; perPage: number };
    };
    budgets: {
      kind: "query";
      input: { page?: string | number | undefined; perPage?: string | number | undefined } | undefined;
      output: { items: Budget[]; total: number; page: number; perPage: number };
    };
    plans: { kind: "query"; input: void; output: Plans };
    subscribe: { kind: "mutation"; input: { idempotencyKey?: string | undefined; plan: string }; output: Checkout };
    portal: { kind: "query"; input: void; output: { url: string } };
    setBudget: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        scope: "key" | "agent" | "organization" | "user";
        period: "day" | "month" | "total";
        limitMicros: number;
        subject?: string | undefined;
        alertPercent?: number | undefined;
        hard?: boolean | undefined;
      };
      output: Budget;
    };
    deleteBudget: { kind: "mutation"; input: { idempotencyKey?: string | undefined; budgetId: string }; output: { deleted: true } };
  };
  card: {
    get: { kind: "query"; input: { conversationId: string; cardId: string }; output: Card };
    answer: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; conversationId: string; cardId: string; answers: QuestionAnswer[] };
      output: CardResult;
    };
    answerStream: {
      kind: "subscription";
      input: {
        idempotencyKey?: string | undefined;
        conversationId: string;
        cardId: string;
        answers: QuestionAnswer[];
        lastEventId?: string | null | undefined;
      };
      output: DecisionItem;
    };
    decide: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        conversationId: string;
        cardId: string;
        decision: "deny" | "approve";
        argumentsHash?: string | undefined;
        comment?: string | undefined;
      };
      output: CardResult;
    };
    decideStream: {
      kind: "subscription";
      input: {
        idempotencyKey?: string | undefined;
        conversationId: string;
        cardId: string;
        decision: "deny" | "approve";
        argumentsHash?: string | undefined;
        comment?: string | undefined;
        lastEventId?: string | null | undefined;
      };
      output: DecisionItem;
    };
  };
  conversation: {
    get: {
      kind: "query";
      input: { conversationId: string; branch?: number | undefined; before?: string | undefined };
      output: ConversationView;
    };
    branches: {
      kind: "query";
      input: { conversationId: string; page?: string | number | undefined; perPage?: string | number | undefined };
      output: { items: Branch[]; total: number; page: number; perPage: number };
    };
    runState: { kind: "query"; input: { conversationId: string }; output: RunState };
    message: { kind: "query"; input: { conversationId: string; messageId: string }; output: MessageView };
    stop: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; conversationId: string; turnId?: string | undefined; clearQueue?: boolean | undefined };
      output: StopResult;
    };
    cancelMessage: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; conversationId: string; messageId: string };
      output: QueueResult;
    };
    changeMessage: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        conversationId: string;
        messageId: string;
        text?: string | undefined;
        files?: string[] | undefined;
        position?: number | undefined;
      };
      output: ChangedMessage;
    };
    clearQueue: { kind: "mutation"; input: { idempotencyKey?: string | undefined; conversationId: string }; output: QueueResult };
    drain: { kind: "mutation"; input: { idempotencyKey?: string | undefined; conversationId: string }; output: DrainResult };
    reset: { kind: "mutation"; input: { idempotencyKey?: string | undefined; conversationId: string }; output: ResetResult };
    drainStream: {
      kind: "subscription";
      input: { idempotencyKey?: string | undefined; conversationId: string; lastEventId?: string | null | undefined };
      output: DrainItem;
    };
  };
  execution: {
    get: { kind: "query"; input: { executionId: string }; output: Execution };
    list: {
      kind: "query";
      input:
        | {
            page?: string | number | undefined;
            perPage?: string | number | undefined;
            agentId?: string | undefined;
            userId?: string | undefined;
            parentId?: string | undefined;
            triggeringAgentId?: string | undefined;
            status?: string | undefined;
            internalStatus?: string | undefined;
            from?: unknown;
            to?: unknown;
          }
        | undefined;
      output: { items: Execution[]; total: number; page: number; perPage: number };
    };
    thread: { kind: "query"; input: { executionId: string; before?: string | undefined }; output: ThreadPart };
    fullThread: { kind: "query"; input: { executionId: string; before?: string | undefined }; output: FullThread };
    stop: { kind: "mutation"; input: { idempotencyKey?: string | undefined; executionId: string }; output: Execution };
    delete: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; executionId: string; memories?: "forget" | "keep" | undefined };
      output: { deleted: true };
    };
  };
  hook: {
    create: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        name: string;
        algorithm?: "sha256" | "sha384" | "sha512" | undefined;
        requireTimestamp?: boolean | undefined;
        strict?: boolean | undefined;
        mappings?: HookMapping[] | undefined;
        secret?: string | undefined;
      };
      output: NewHook;
    };
    list: {
      kind: "query";
      input: { page?: string | number | undefined; perPage?: string | number | undefined } | undefined;
      output: { items: Hook[]; total: number; page: number; perPage: number };
    };
    change: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        hookId: string;
        name?: string | undefined;
        algorithm?: "sha256" | "sha384" | "sha512" | undefined;
        requireTimestamp?: boolean | undefined;
        strict?: boolean | undefined;
        mappings?: HookMapping[] | undefined;
      };
      output: Hook;
    };
    rotate: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; hookId: string; overlapSeconds?: number | undefined };
      output: NewHook;
    };
    delete: { kind: "mutation"; input: { idempotencyKey?: string | undefined; hookId: string }; output: { deleted: true } };
  };
  key: {
    create: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        name: string;
        scopes: Scope[];
        agentIds?: string[] | undefined;
        expiresAt?: unknown;
        mcp?:
          | {
              tools?: McpTool[] | undefined;
              sessions?: "*" | string[] | undefined;
              toolCallsMax?:
                | {
                    agents_list?: number | undefined;
                    agent_ask?: number | undefined;
                    sessions_list?: number | undefined;
                    sessions_history?: number | undefined;
                    session_search?: number | undefined;
                    session_status?: number | undefined;
                    memory_search?: number | undefined;
                  }
                | undefined;
            }
          | undefined;
      };
      output: NewApiKey;
    };
    list: {
      kind: "query";
      input: { page?: string | number | undefined; perPage?: string | number | undefined } | undefined;
      output: { items: ApiKey[]; total: number; page: number; perPage: number };
    };
    rotate: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; keyId: string; overlapSeconds?: number | undefined };
      output: RotatedKey;
    };
    revoke: { kind: "mutation"; input: { idempotencyKey?: string | undefined; keyId: string }; output: { revoked: true } };
  };
  memory: {
    list: {
      kind: "query";
      input:
        | {
            page?: string | number | undefined;
            perPage?: string | number | undefined;
            scope?: "agent" | "organization" | "user" | undefined;
            userEmail?: string | undefined;
            agentId?: string | undefined;
            query?: string | undefined;
          }
        | undefined;
      output: { items: Memory[]; total: number; page: number; perPage: number };
    };
    store: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        agentId: string;
        text: string;
        scope?: "agent" | "organization" | undefined;
        trust?: "external" | "learned" | undefined;
      };
      output: { id: string };
    };
    delete: { kind: "mutation"; input: { idempotencyKey?: string | undefined; memoryId: string }; output: { deleted: true } };
  };
  payment: {
    checkout: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; plugin?: string | undefined; pack?: string | undefined };
      output: Checkout;
    };
    verify: { kind: "query"; input: CheckoutName; output: { sessionId: string; status: CheckoutState } };
  };
  peer: {
    create: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        name: string;
        endpoint: string;
        protocol?: "a2a" | "openclaw" | undefined;
        auth?:
          | { type: "none" }
          | { type: "bearer"; token: string }
          | { type: "secret"; name: string }
          | { type: "did_signed"; token?: string | undefined; secret?: string | undefined }
          | { type: "oauth"; tokenUrl: string; clientId: string; clientSecret: string; scope?: string | undefined }
          | undefined;
        trust?:
          | {
              verifyDid?: boolean | undefined;
              pinnedDid?: string | undefined;
              pinnedKey?: string | undefined;
              policy?: "strict" | "lenient" | undefined;
              onBadSignature?: "fail" | "report" | undefined;
            }
          | undefined;
        skills?:
          | {
              id: string;
              name?: string | undefined;
              description?: string | undefined;
              inputSchema?: { [key: string]: JSONType } | undefined;
              tags?: string[] | undefined;
              outputModes?: string[] | undefined;
            }[]
          | null
          | undefined;
        priceMicros?: number | null | undefined;
        timeoutMs?: number | null | undefined;
        deduplicates?: boolean | undefined;
      };
      output: Peer;
    };
    update: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        peerId: string;
        name?: string | undefined;
        endpoint?: string | undefined;
        auth?:
          | { type: "none" }
          | { type: "bearer"; token: string }
          | { type: "secret"; name: string }
          | { type: "did_signed"; token?: string | undefined; secret?: string | undefined }
          | { type: "oauth"; tokenUrl: string; clientId: string; clientSecret: string; scope?: string | undefined }
          | undefined;
        trust?:
          | {
              verifyDid?: boolean | undefined;
              pinnedDid?: string | undefined;
              pinnedKey?: string | undefined;
              policy?: "strict" | "lenient" | undefined;
              onBadSignature?: "fail" | "report" | undefined;
            }
          | undefined;
        skills?:
          | {
              id: string;
              name?: string | undefined;
              description?: string | undefined;
              inputSchema?: { [key: string]: JSONType } | undefined;
              tags?: string[] | undefined;
              outputModes?: string[] | undefined;
            }[]
          | null
          | undefined;
        priceMicros?: number | null | undefined;
        timeoutMs?: number | null | undefined;
        deduplicates?: boolean | undefined;
      };
      output: Peer;
    };
    delete: { kind: "mutation"; input: { idempotencyKey?: string | undefined; peerId: string }; output: { deleted: true } };
    get: { kind: "query"; input: { peerId: string }; output: Peer };
    list: {
      kind: "query";
      input: { page?: string | number | undefined; perPage?: string | number | undefined } | undefined;
      output: { items: Peer[]; total: number; page: number; perPage: number };
    };
  };
  system: {
    whoami: {
      kind: "query";
      input: void;
      output: { organizationId: string; principalId: string; scopes: Scope[]; agentIds: string[] | null };
    };
    health: { kind: "query"; input: void; output: { status: "ok" } };
  };
  turn: {
    submit: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        agentId: string;
        conversationId?: string | undefined;
        version?: string | number | undefined;
        mode?: "auto" | "queue" | "collect" | "steer" | "interrupt" | "reject" | undefined;
        user?: EndUser | undefined;
        options?:
          | {
              instructionsOverride?: string | undefined;
              additionalContext?: string | undefined;
              expectedOutput?: string | undefined;
              outputFormat?: "text" | "markdown" | "json" | "voice" | undefined;
              outputSchema?: { [key: string]: JSONType } | undefined;
              model?: string | undefined;
              reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
              subTasks?: "sync" | "async" | "auto" | undefined;
              title?: string | undefined;
              source?: string | undefined;
              sourceNodeType?: string | undefined;
              workerId?: string | undefined;
              triggeringAgentId?: string | undefined;
              payloadExtension?: { [key: string]: JSONType } | undefined;
              thinkMode?: "default" | "harder" | undefined;
              returnMetrics?: boolean | undefined;
              stepsMax?: number | undefined;
              timeoutMs?: number | undefined;
              hopsMax?: number | undefined;
              guarded?: boolean | undefined;
              summaryKnownThrough?: number | undefined;
            }
          | undefined;
        text?: string | undefined;
        files?: string[] | undefined;
      };
      output: SubmitResult;
    };
    stream: {
      kind: "subscription";
      input: {
        idempotencyKey?: string | undefined;
        agentId: string;
        conversationId?: string | undefined;
        version?: string | number | undefined;
        mode?: "auto" | "queue" | "collect" | "steer" | "interrupt" | "reject" | undefined;
        user?: EndUser | undefined;
        options?:
          | {
              instructionsOverride?: string | undefined;
              additionalContext?: string | undefined;
              expectedOutput?: string | undefined;
              outputFormat?: "text" | "markdown" | "json" | "voice" | undefined;
              outputSchema?: { [key: string]: JSONType } | undefined;
              model?: string | undefined;
              reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
              subTasks?: "sync" | "async" | "auto" | undefined;
              title?: string | undefined;
              source?: string | undefined;
              sourceNodeType?: string | undefined;
              workerId?: string | undefined;
              triggeringAgentId?: string | undefined;
              payloadExtension?: { [key: string]: JSONType } | undefined;
              thinkMode?: "default" | "harder" | undefined;
              returnMetrics?: boolean | undefined;
              stepsMax?: number | undefined;
              timeoutMs?: number | undefined;
              hopsMax?: number | undefined;
              guarded?: boolean | undefined;
              summaryKnownThrough?: number | undefined;
            }
          | undefined;
        text?: string | undefined;
        files?: string[] | undefined;
        lastEventId?: string | null | undefined;
      };
      output: StreamItem;
    };
    edit: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        agentId: string;
        messageId: string;
        conversationId: string;
        version?: string | number | undefined;
        mode?: "auto" | "queue" | "collect" | "steer" | "interrupt" | "reject" | undefined;
        user?: EndUser | undefined;
        options?:
          | {
              instructionsOverride?: string | undefined;
              additionalContext?: string | undefined;
              expectedOutput?: string | undefined;
              outputFormat?: "text" | "markdown" | "json" | "voice" | undefined;
              outputSchema?: { [key: string]: JSONType } | undefined;
              model?: string | undefined;
              reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
              subTasks?: "sync" | "async" | "auto" | undefined;
              title?: string | undefined;
              source?: string | undefined;
              sourceNodeType?: string | undefined;
              workerId?: string | undefined;
              triggeringAgentId?: string | undefined;
              payloadExtension?: { [key: string]: JSONType } | undefined;
              thinkMode?: "default" | "harder" | undefined;
              returnMetrics?: boolean | undefined;
              stepsMax?: number | undefined;
              timeoutMs?: number | undefined;
              hopsMax?: number | undefined;
              guarded?: boolean | undefined;
              summaryKnownThrough?: number | undefined;
            }
          | undefined;
        text?: string | undefined;
        files?: string[] | undefined;
        expectedVersion?: number | undefined;
      };
      output: SubmitResult;
    };
    editStream: {
      kind: "subscription";
      input: {
        idempotencyKey?: string | undefined;
        agentId: string;
        messageId: string;
        conversationId: string;
        version?: string | number | undefined;
        mode?: "auto" | "queue" | "collect" | "steer" | "interrupt" | "reject" | undefined;
        user?: EndUser | undefined;
        options?:
          | {
              instructionsOverride?: string | undefined;
              additionalContext?: string | undefined;
              expectedOutput?: string | undefined;
              outputFormat?: "text" | "markdown" | "json" | "voice" | undefined;
              outputSchema?: { [key: string]: JSONType } | undefined;
              model?: string | undefined;
              reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
              subTasks?: "sync" | "async" | "auto" | undefined;
              title?: string | undefined;
              source?: string | undefined;
              sourceNodeType?: string | undefined;
              workerId?: string | undefined;
              triggeringAgentId?: string | undefined;
              payloadExtension?: { [key: string]: JSONType } | undefined;
              thinkMode?: "default" | "harder" | undefined;
              returnMetrics?: boolean | undefined;
              stepsMax?: number | undefined;
              timeoutMs?: number | undefined;
              hopsMax?: number | undefined;
              guarded?: boolean | undefined;
              summaryKnownThrough?: number | undefined;
            }
          | undefined;
        text?: string | undefined;
        files?: string[] | undefined;
        expectedVersion?: number | undefined;
        lastEventId?: string | null | undefined;
      };
      output: StreamItem;
    };
    follow: {
      kind: "subscription";
      input: { conversationId: string; after?: string | undefined; lastEventId?: string | null | undefined };
      output: LogEvent;
    };
    await: { kind: "query"; input: { conversationId: string; turnId: string; waitMs?: number | undefined }; output: Execution };
  };
  wallet: {
    list: { kind: "query"; input: { address: string }; output: { items: WalletSession[] } };
    get: { kind: "query"; input: CheckoutName; output: WalletSession };
    open: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; address: string; deposit: string };
      output: { created: boolean; session: WalletSession };
    };
    topUp: { kind: "mutation"; input: { idempotencyKey?: string | undefined; sessionId: string; deposit: string }; output: WalletSession };
    close: { kind: "mutation"; input: { idempotencyKey?: string | undefined; sessionId: string }; output: WalletSession };
  };
  webhook: {
    create: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        url: string;
        events: WebhookEvent[];
        description?: string | undefined;
        includeContent?: boolean | undefined;
      };
      output: NewWebhookEndpoint;
    };
    list: {
      kind: "query";
      input: { page?: string | number | undefined; perPage?: string | number | undefined } | undefined;
      output: { items: WebhookEndpoint[]; total: number; page: number; perPage: number };
    };
    change: {
      kind: "mutation";
      input: {
        idempotencyKey?: string | undefined;
        endpointId: string;
        enabled?: boolean | undefined;
        url?: string | undefined;
        description?: string | undefined;
        events?: WebhookEvent[] | undefined;
        includeContent?: boolean | undefined;
      };
      output: WebhookEndpoint;
    };
    rotate: {
      kind: "mutation";
      input: { idempotencyKey?: string | undefined; endpointId: string; overlapSeconds?: number | undefined };
      output: NewWebhookEndpoint;
    };
    delete: { kind: "mutation"; input: { idempotencyKey?: string | undefined; endpointId: string }; output: { deleted: true } };
    deliveries: {
      kind: "query";
      input: {
        endpointId: string;
        page?: string | number | undefined;
        perPage?: string | number | undefined;
        state?: "pending" | "delivered" | "failed" | undefined;
      };
      output: { items: WebhookDelivery[]; total: number; page: number; perPage: number };
    };
    replay: { kind: "mutation"; input: { idempotencyKey?: string | undefined; deliveryId: string }; output: WebhookDelivery };
  };
};

export type RunState = {
  conversationId: string;
  agentId: string;
  state: ConversationState;
  held: boolean;
  status: ExecutionStatus;
  turnId: string | null;
  turnNumber: number;
  activeChildId: string | null;
  queueDepth: number;
  queue: QueuedMessage[];
  cardsOpen: number;
  cards: Card[];
  steersWaiting: number;
  cursor: string;
  version: number;
  branch: number;
};

export type Scope =
  | "conversations:write"
  | "conversations:read"
  | "agents:read"
  | "agents:write"
  | "approvals"
  | "admin"
  | "api"
  | "rpc"
  | "*"
  | "mcp-client";

export type ShownPeerAuth =
  | { type: "none" | "bearer" }
  | { type: "secret"; name: string }
  | { type: "did_signed"; secret?: string | undefined }
  | { type: "oauth"; tokenUrl: string; clientId: string; scope?: string | undefined };

export type Statement = { currency: "usd"; items: StatementLine[]; total: StatementLine; leftOut: number };

export type StatementLine = {
  name: string | null;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  audioMs: number;
  images: number;
  amountMicros: number;
  estimatedCalls: number;
  assumedCalls: number;
  unpricedCalls: number;
};

export type StatementQuery = {
  by?: "key" | "agent" | "model" | "user" | "day" | undefined;
  key?: string | undefined;
  agent?: string | undefined;
  model?: string | undefined;
  user?: string | undefined;
  turn?: string | undefined;
  sale?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
};

export type StopResult = {
  conversationId: string;
  stopped: boolean;
  turnId: string | null;
  children: { executionId: string; agentId: string; mode: "sync" | "async" }[];
  cards: string[];
  queueCleared: number;
  queueDepth: number;
  replayed: boolean;
};

export type StreamItem = LogEvent | { type: "submitted"; cursor: string; data: SubmitResult };

export type SubmitResult = {
  action: "queued" | "started" | "steering";
  mode: MessageMode;
  askedMode: MessageMode;
  conversationId: string;
  messageId: string;
  turnId: string;
  position: number;
  queueDepth: number;
  cursor: string;
  replayed: boolean;
};

export type Subscription = { plan: string; status: string; endsAt: string | null; cancelsAtEnd: boolean };

export type TextSoFar = { executionId: string; step: number; text: string };

export type ThreadEntry =
  | {
      kind: "user";
      id: string;
      at: string;
      text: string;
      files: string[];
      user: {
        email: string;
        displayName?: string | null | undefined;
        id?: string | null | undefined;
        firstName?: string | null | undefined;
        lastName?: string | null | undefined;
        timezone?: string | null | undefined;
        additionalAttributes?: { [key: string]: JSONType } | null | undefined;
      } | null;
      turnId: string;
    }
  | {
      kind: "agent";
      id: string;
      at: string;
      text: string;
      turnId: string;
      status: "error" | "pending" | "failed" | "completed" | "paused" | "executing" | "stopped";
    }
  | {
      kind: "tool_call";
      id: string;
      at: string;
      tool: string;
      arguments?: unknown;
      result: string | null;
      isError: boolean;
      turnId: string;
    }
  | { kind: "child"; id: string; at: string; childId: string; agentId: string; query: string; turnId: string }
  | {
      kind: "questions";
      id: string;
      at: string;
      cardId: string;
      questions: {
        id: string;
        text: string;
        multiSelect: boolean;
        allowFreeText: boolean;
        required: boolean;
        options: { id: string; label: string; description?: string | undefined }[];
        header?: string | undefined;
      }[];
      status: string;
      answers: CheckedAnswer[] | null;
      turnId: string;
    }
  | {
      kind: "approval";
      id: string;
      at: string;
      cardId: string;
      approval: ApprovalRequest;
      status: string;
      comment: string | null;
      turnId: string;
    };

export type ThreadMessage = {
  id: string;
  role: "user" | "assistant";
  content: string;
  files: string[];
  at: string;
  usage?: Usage | undefined;
};

export type ThreadPart = { messages: ThreadMessage[]; older: string | null };

export type TurnEndReason =
  | "superseded"
  | "model_rejected"
  | "model_unavailable"
  | "internal"
  | "user_stop"
  | "shutdown"
  | "lease_lost"
  | "budget"
  | "timeout"
  | "steps_exhausted"
  | "attempts_exhausted"
  | "answer_too_long"
  | "peer_failed"
  | "peer_token_missing";

export type TurnOptions = {
  instructionsOverride?: string | undefined;
  additionalContext?: string | undefined;
  expectedOutput?: string | undefined;
  outputFormat?: "text" | "markdown" | "json" | undefined;
  outputSchema?: { [key: string]: JSONType } | undefined;
  model?: string | undefined;
  reasoningEffort?: "low" | "medium" | "high" | "xhigh" | undefined;
  subTasks?: "sync" | "async" | "auto" | undefined;
  title?: string | undefined;
  source?: string | undefined;
  sourceNodeType?: string | undefined;
  workerId?: string | undefined;
  triggeringAgentId?: string | undefined;
  payloadExtension?: { [key: string]: JSONType } | undefined;
  thinkMode?: "default" | "harder" | undefined;
  returnMetrics?: boolean | undefined;
  stepsMax?: number | undefined;
  timeoutMs?: number | undefined;
  hopsMax?: number | undefined;
  guarded?: boolean | undefined;
  summaryKnownThrough?: number | undefined;
  peers?: number | undefined;
  outputTokensMax?: number | undefined;
  peerCall?: true | undefined;
};

export type Usage = {
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  modelCalls: number;
  estimated: boolean;
};

export type WalletSession = {
  id: string;
  organizationId: string;
  wallet: string;
  depositMicros: number;
  reservedMicros: number;
  spentMicros: number;
  returnedMicros: number;
  status: "active" | "expired" | "closing" | "closed";
  createdAt: string;
  closedAt: string | null;
  vouchers: { id: string; nonce: string | null; plugin: string; amountMicros: number; state: string; createdAt: string }[];
};

export type WebhookDelivery = {
  id: string;
  endpointId: string;
  type: WebhookEvent;
  state: "pending" | "delivered" | "failed";
  attempts: number;
  log: { at: string; status: number | null; error: string | null; durationMs: number }[];
  payload?: unknown;
  dueAt: string | null;
  createdAt: string;
  endedAt: string | null;
};

export type WebhookEndpoint = {
  id: string;
  organizationId: string;
  url: string;
  description: string;
  events: WebhookEvent[];
  agentIds: string[] | null;
  includeContent: boolean;
  failures: number;
  failingSince: string | null;
  disabledAt: string | null;
  disabledReason: "by_hand" | "failing" | "gone" | null;
  createdAt: string;
};

export type WebhookEvent =
  | "child.finished"
  | "card.opened"
  | "card.closed"
  | "turn.paused"
  | "turn.completed"
  | "turn.failed"
  | "turn.stopped"
  | "webhook.disabled"
  | "budget.alert";
