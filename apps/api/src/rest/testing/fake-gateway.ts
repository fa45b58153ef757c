import {
  type Cursor,
  type EventData,
  type EventType,
  type Execution,
  GatewayError,
  isTerminal,
  type LogEvent,
  makeCursor,
  NO_USAGE,
  newId,
  parseCursor,
  type QueuedMessage,
  SCOPES,
  type Scope,
  START,
  type SubmitInput,
  type SubmitResult,
} from "@parley/contracts";
import { type Caller, type FollowOptions, type Gateway, mayUseAgent, type SubmitFacts } from "@parley/domain";
import { foldExecution } from "../fold-execution.ts";

interface Waiting extends QueuedMessage {
  input: SubmitInput;
}

interface Conversation {
  organizationId: string;
  agentId: string;
  /** As of before the log's first event. */
  born: Execution;
  log: LogEvent[];
  queue: Waiting[];
  held: boolean;
  wake: Set<() => void>;
}

const absent = () => Promise.reject(new Error("not used by this door"));

/** The front door's use cases in memory. Turns do nothing by themselves: tests say what happens with `happen` and `finish`. */
export class FakeGateway {
  readonly organizationId = newId();
  readonly agentId: string = newId();
  readonly otherAgentId: string = newId();
  readonly callers = new Map<string, Caller>();
  readonly conversations = new Map<string, Conversation>();
  /** Every call of a use case, in order. */
  readonly calls: { name: string; input: unknown; facts?: unknown }[] = [];
  readonly answers = new Map<string, { body: string; result: SubmitResult }>();
  /** Rejects the next admission. */
  refusal: Error | undefined;
  readonly #over = new Set<string>();
  following = 0;
  attached = 0;
  /** Events that followers have taken. */
  pulled = 0;
  /** Awaited before each streamed admission. */
  beforeSubmit: () => Promise<void> = () => Promise.resolve();
  agentReads = 0;

  addKey(key: string, facts: Partial<Caller> & { scopes?: ReadonlySet<Scope> } = {}): string {
    this.callers.set(key, { organizationId: this.organizationId, principalId: key, scopes: new Set(SCOPES), agentIds: null, ...facts });
    return key;
  }

  execution(conversationId: string): Execution {
    const { born, log } = this.#of(conversationId);
    return log.reduce(foldExecution, born);
  }

  /** Appends one fact to a conversation's log. */
  happen<Type extends EventType>(
    conversationId: string,
    type: Type,
    data: EventData[Type],
    facts: { executionId?: string; turnId?: string } = {},
  ): LogEvent {
    const conversation = this.#of(conversationId);
    const event = {
      cursor: makeCursor({ epoch: 1, n: conversation.log.length + 1 }),
      type,
      executionId: facts.executionId ?? conversationId,
      turnId: facts.turnId ?? this.execution(conversationId).turnId,
      at: new Date(1_700_000_000_000 + conversation.log.length * 1_000).toISOString(),
      data,
    } as LogEvent;
    conversation.log.push(event);
    for (const wake of conversation.wake) wake();
    return event;
  }

  /** The lifetime of all streams of the conversation is over. */
  endFollowing(conversationId: string): void {
    this.#over.add(conversationId);
    for (const wake of this.#of(conversationId).wake) wake();
  }

  start(conversationId: string): void {
    this.happen(conversationId, "turn.started", { turnNumber: 1, attempt: 1, agentVersion: 1 });
  }

  /** Completes the running turn; the next queued message becomes the next turn. */
  finish(conversationId: string, result: string): void {
    const conversation = this.#of(conversationId);
    const more = conversation.queue.length > 0 && !conversation.held;
    this.happen(conversationId, "turn.completed", { turnNumber: 1, result, usage: NO_USAGE, more });
    if (more) this.#pop(conversationId);
  }

  asGateway(): Gateway {
    return {
      authenticate: async (credential) => {
        const caller = this.callers.get(credential);
        if (!caller) throw new GatewayError("unauthenticated");
        return caller;
      },
      submitMessage: async (caller, input, facts) => this.#submit(caller, input, facts),
      submitAndFollow: async (caller, input, facts) => {
        await this.beforeSubmit();
        const submitted = this.#submit(caller, input, facts);
        return { submitted, ...this.#follow(submitted.conversationId, submitted.cursor as Cursor, facts.signal) };
      },
      followConversation: async (caller, { conversationId, after = START, signal }) => {
        this.#call("followConversation", { conversationId, after });
        if (parseCursor(after).n > this.#seen(caller, conversationId).log.length) throw new GatewayError("invalid_cursor");
        return this.#follow(conversationId, after, signal);
      },
      awaitTurn: async (_caller, { conversationId, turnId, waitMs, signal }) => {
        const over = () => {
          const { turnId: current, status } = this.execution(conversationId);
          return current === turnId && (isTerminal(status) || status === "paused");
        };
        await Promise.race([this.#until(conversationId, over, signal), new Promise((resolve) => setTimeout(resolve, waitMs))]);
        return this.execution(conversationId);
      },
      getRunState: async (caller, conversationId) => {
        const { queue, held, agentId, log } = this.#seen(caller, conversationId);
        const { status, turnId, turnNumber } = this.execution(conversationId);
        const state = status === "paused" ? "paused" : isTerminal(status) ? "idle" : "running";
        return {
          conversationId,
          agentId,
          state,
          held,
          status,
          turnId,
          turnNumber,
          activeChildId: null,
          queueDepth: queue.length,
          queue,
          cardsOpen: 0,
          cursor: makeCursor({ epoch: 1, n: log.length }),
          version: log.length,
        };
      },
      getConversation: async (caller, conversationId) => {
        this.#seen(caller, conversationId);
        const execution = this.execution(conversationId);
        const { input, turnId, createdAt: at } = execution;
        const said = { kind: "user", id: "message", at, ...input, user: execution.user, turnId: turnId ?? "" } as const;
        return {
          conversationId,
          version: 1,
          root: { execution, thread: [said], usage: NO_USAGE },
          children: [],
          usage: { ...NO_USAGE, inputTokens: 3, outputTokens: 4 },
        };
      },
      stopConversation: async (caller, input) => {
        this.#call("stopConversation", input);
        const conversation = this.#seen(caller, input.conversationId);
        const { turnId, status } = this.execution(input.conversationId);
        const queueCleared = input.clearQueue ? conversation.queue.splice(0).length : 0;
        const stopped = !isTerminal(status) && (input.turnId === undefined || input.turnId === turnId);
        conversation.held = true;
        if (stopped)
          this.happen(input.conversationId, "turn.stopped", {
            turnNumber: 1,
            reason: "user_stop",
            result: null,
            usage: NO_USAGE,
            more: false,
          });
        return {
          conversationId: input.conversationId,
          stopped,
          turnId: stopped ? turnId : null,
          queueCleared,
          queueDepth: conversation.queue.length,
        };
      },
      cancelMessage: async (caller, { conversationId, messageId }) => {
        const conversation = this.#seen(caller, conversationId);
        const index = conversation.queue.findIndex(({ id }) => id === messageId);
        if (index < 0) throw new GatewayError("message_not_waiting");
        conversation.queue.splice(index, 1);
        this.happen(conversationId, "queue.updated", { action: "cancel", messageId, queueDepth: conversation.queue.length });
        return { conversationId, cancelled: 1, queueDepth: conversation.queue.length };
      },
      clearQueue: async (caller, conversationId) => {
        const cancelled = this.#seen(caller, conversationId).queue.splice(0).length;
        this.happen(conversationId, "queue.updated", { action: "clear", messageId: null, queueDepth: 0 });
        return { conversationId, cancelled, queueDepth: 0 };
      },
      drainConversation: async (caller, conversationId) => {
        this.#call("drainConversation", conversationId);
        const conversation = this.#seen(caller, conversationId);
        const cursor = makeCursor({ epoch: 1, n: conversation.log.length });
        const { status } = this.execution(conversationId);
        const action =
          status === "paused" ? "paused" : !isTerminal(status) ? "running" : conversation.queue.length > 0 ? "draining" : "empty";
        conversation.held = false;
        if (action === "draining") this.#pop(conversationId);
        return { conversationId, action, queueDepth: conversation.queue.length, cursor };
      },
      getExecution: async (caller, id) => (this.#seen(caller, id), this.execution(id)),
      listExecutions: async (caller, filter) => {
        this.#call("listExecutions", filter);
        const mine = [...this.conversations].filter(
          ([, { organizationId, agentId }]) => organizationId === caller.organizationId && (filter.agentId ?? agentId) === agentId,
        );
        return { items: mine.map(([id]) => this.execution(id)), total: 41, page: filter.page, perPage: filter.perPage };
      },
      getThread: async (caller, id) => (
        this.#seen(caller, id), [{ id: "m1", role: "user", content: "Hello", files: [], at: "2026-01-01T00:00:01.900Z" }]
      ),
      getFullThread: async (caller, id) => (this.#seen(caller, id), { root: [], [newId()]: [] }),
      stopExecution: async (caller, id) => (this.#seen(caller, id), this.execution(id)),
      deleteExecution: async (caller, id) => {
        this.#seen(caller, id);
        this.conversations.delete(id);
      },
      getAgent: async (caller, id) => {
        this.agentReads++;
        if (caller.organizationId !== this.organizationId || ![this.agentId, this.otherAgentId].includes(id))
          throw new GatewayError("not_found");
        return { id } as Awaited<ReturnType<Gateway["getAgent"]>>;
      },
      createAgent: absent,
      updateAgent: absent,
      deployAgent: absent,
      listAgents: absent,
      createKey: absent,
      listKeys: absent,
      revokeKey: absent,
      createOrganization: absent,
      checkReady: absent,
    };
  }

  #call(name: string, input: unknown, facts?: unknown): void {
    this.calls.push({ name, input, facts });
  }

  #of(conversationId: string): Conversation {
    const conversation = this.conversations.get(conversationId);
    if (!conversation) throw new GatewayError("not_found");
    return conversation;
  }

  /** What the caller may not see does not exist. */
  #seen(caller: Caller, conversationId: string): Conversation {
    const conversation = this.#of(conversationId);
    if (conversation.organizationId !== caller.organizationId || !mayUseAgent(caller, conversation.agentId))
      throw new GatewayError("not_found");
    return conversation;
  }

  #submit(caller: Caller, input: SubmitInput, facts: SubmitFacts & Partial<FollowOptions>): SubmitResult {
    const { signal: _signal, ...kept } = facts;
    this.#call("submitMessage", input, kept);
    if (this.refusal) throw this.refusal;
    const key = input.idempotencyKey && `${caller.principalId} ${facts.route} ${input.idempotencyKey}`;
    const before = key === undefined ? undefined : this.answers.get(key);
    if (before && before.body !== JSON.stringify(input)) throw new GatewayError("idempotency_mismatch");
    if (before) return { ...before.result, replayed: true };
    const conversationId = input.conversationId ?? newId<never>();
    if (this.conversations.has(conversationId)) this.#seen(caller, conversationId);
    else if (input.conversationId !== undefined && !facts.invoke) throw new GatewayError("not_found");
    else this.#create(conversationId, caller, input);
    const conversation = this.#of(conversationId);
    const cursor = makeCursor({ epoch: 1, n: conversation.log.length });
    const message = { messageId: newId(), turnId: newId() };
    const { text, files, user = null, mode, options } = input;
    const execution = this.execution(conversationId);
    const isIdle = (execution.turnId === null || isTerminal(execution.status)) && mode !== "queue";
    if (!isIdle && mode === "reject") throw new GatewayError("turn_in_progress");
    if (isIdle && !facts.keepNothingWhenIdle) {
      this.happen(
        conversationId,
        "turn.created",
        { messageId: message.messageId, input: { text, files }, user, options, mode, turnId: message.turnId },
        message,
      );
    }
    if (!isIdle) {
      const position = conversation.queue.length + 1;
      conversation.queue.push({
        id: message.messageId,
        turnId: message.turnId,
        text,
        files,
        user,
        mode,
        position,
        idempotencyKey: null,
        enqueuedAt: execution.updatedAt,
        input,
      });
      this.happen(conversationId, "queue.updated", { action: "enqueue", messageId: message.messageId, queueDepth: position });
    }
    const depth = conversation.queue.length;
    const result: SubmitResult = {
      action: isIdle ? "started" : "queued",
      mode,
      conversationId,
      ...message,
      position: depth,
      queueDepth: depth,
      cursor,
      replayed: false,
    };
    if (key !== undefined) this.answers.set(key, { body: JSON.stringify(input), result });
    return result;
  }

  #pop(conversationId: string): void {
    const conversation = this.#of(conversationId);
    const next = conversation.queue.shift();
    if (!next) return;
    const { id: messageId, turnId, text, files, user, mode, input } = next;
    this.happen(conversationId, "queue.updated", { action: "drain", messageId, queueDepth: conversation.queue.length });
    this.happen(
      conversationId,
      "turn.created",
      { messageId, turnId, input: { text, files }, user, options: input.options, mode },
      { turnId },
    );
  }

  #create(conversationId: string, caller: Caller, { agentId, options }: SubmitInput): void {
    const at = "2026-01-01T00:00:00.000Z";
    const born: Execution = {
      id: conversationId,
      organizationId: caller.organizationId,
      conversationId,
      agentId,
      agentVersion: 1,
      parentId: null,
      mode: "root",
      status: "pending",
      input: { text: "", files: [] },
      user: null,
      options,
      result: null,
      reason: null,
      title: null,
      turnId: null,
      turnNumber: 0,
      attempt: 1,
      stoppedByUser: false,
      usage: NO_USAGE,
      childIds: [],
      finishedChildIds: [],
      createdAt: at,
      startedAt: null,
      finishedAt: null,
      updatedAt: at,
    };
    this.conversations.set(conversationId, {
      organizationId: caller.organizationId,
      agentId,
      born,
      log: [],
      queue: [],
      held: false,
      wake: new Set(),
    });
  }

  #follow(conversationId: string, after: Cursor, signal: AbortSignal) {
    const { born, log } = this.#of(conversationId);
    const execution = log.slice(0, parseCursor(after).n).reduce(foldExecution, born);
    return { execution, cursor: after, events: this.#events(conversationId, parseCursor(after).n, signal) };
  }

  async *#events(conversationId: string, from: number, signal: AbortSignal): AsyncGenerator<LogEvent> {
    const { log } = this.#of(conversationId);
    this.following++;
    try {
      for (let next = from; !signal.aborted && !this.#over.has(conversationId); ) {
        const event = log[next];
        if (event) {
          next++;
          this.pulled++;
          yield event;
        } else await this.#until(conversationId, () => log.length > next || this.#over.has(conversationId), signal);
      }
    } finally {
      this.following--;
    }
  }

  #until(conversationId: string, isTrue: () => boolean, signal: AbortSignal): Promise<void> {
    const { wake } = this.#of(conversationId);
    return new Promise((resolve) => {
      const look = () => {
        if (!isTrue() && !signal.aborted) return;
        wake.delete(look);
        signal.removeEventListener("abort", look);
        resolve();
      };
      wake.add(look);
      signal.addEventListener("abort", look);
      look();
    });
  }
}
