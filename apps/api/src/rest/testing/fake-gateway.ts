import {
  type Cursor,
  GatewayError,
  isTerminal,
  type Memory,
  NO_USAGE,
  newId,
  newPeerId,
  type Peer,
  parseCursor,
  SCOPES,
  START,
  type SubmitInput,
  type SubmitResult,
} from "@parley/contracts";
import { type Caller, type Gateway, mayUseAgent, type SubmitFacts } from "@parley/domain";
import { refusedUseCases } from "../../testing/refused-use-cases.ts";
import { FakeConversation } from "./fake-conversation.ts";

type ConversationUseCases = Pick<
  Gateway,
  | "getRunState"
  | "getConversation"
  | "listBranches"
  | "getMessage"
  | "getCard"
  | "answerCard"
  | "decideCard"
  | "stopConversation"
  | "cancelMessage"
  | "changeMessage"
  | "clearQueue"
  | "drainConversation"
  | "resetConversation"
>;

const absent = () => Promise.reject(new Error("not used by this door"));

/** The front door's use cases in memory, as far as this door needs them. */
export class FakeGateway {
  readonly organizationId = newId();
  readonly agentId: string = newId();
  readonly otherAgentId: string = newId();
  readonly callers = new Map<string, Caller>();
  readonly memories: Memory[] = [];
  readonly peers: Peer[] = [];
  readonly conversations = new Map<string, FakeConversation>();
  /** Calls of use cases that change or follow something, in order. */
  readonly calls: { name: string; input: unknown; facts?: unknown }[] = [];
  /** Rejects every admission. */
  refusal: Error | undefined;
  /** Whatever an edit names is not there. */
  knowsNoMessage = false;
  /** Awaited before each streamed admission. */
  beforeSubmit: () => Promise<void> = () => Promise.resolve();
  attached = 0;
  readonly #answers = new Map<string, { body: string; result: SubmitResult }>();

  addKey(key: string, facts: Partial<Caller> = {}): string {
    this.callers.set(key, { organizationId: this.organizationId, principalId: key, scopes: new Set(SCOPES), agentIds: null, ...facts });
    return key;
  }

  conversation(id: string): FakeConversation {
    const conversation = this.conversations.get(id);
    if (!conversation) throw new GatewayError("not_found");
    return conversation;
  }

  asGateway(): Gateway {
    return {
      ...refusedUseCases,
      authenticate: async (credential) => {
        const caller = this.callers.get(credential);
        if (!caller) throw new GatewayError("unauthenticated");
        return caller;
      },
      submitMessage: async (caller, input, facts) => this.#submit(caller, input, facts),
      submitAndShow: async (caller, input, facts) => {
        const submitted = this.#submit(caller, input, facts);
        return { submitted, execution: submitted.replayed ? null : this.conversation(submitted.conversationId).execution };
      },
      submitAndFollow: async (caller, input, { signal, ...facts }) => {
        await this.beforeSubmit();
        const submitted = this.#submit(caller, input, facts);
        return { submitted, ...this.conversation(submitted.conversationId).follow(submitted.cursor as Cursor, signal) };
      },
      followConversation: async (caller, { conversationId, after = START, signal }) => {
        this.#called("followConversation", { conversationId, after });
        const conversation = this.#seen(caller, conversationId);
        if (parseCursor(after).n > conversation.log.length) throw new GatewayError("invalid_cursor");
        return conversation.follow(after, signal);
      },
      awaitTurn: async (_caller, { conversationId, turnId, waitMs, signal }) => {
        const conversation = this.conversation(conversationId);
        const isSettled = () => {
          const { status } = conversation.executionIn(turnId);
          return isTerminal(status) || status === "paused";
        };
        await conversation.until(isSettled, AbortSignal.any([signal, AbortSignal.timeout(waitMs)]));
        return conversation.executionIn(turnId);
      },
      ...this.#conversationUseCases(),
      ...this.#executionUseCases(),
      readTurn: absent,
      resolveModel: () => {
        throw new GatewayError("model_not_found");
      },
      listModels: absent,
      callModel: absent,
      claimCall: absent,
      answerByText: absent,
      getAgent: async (caller, id) => {
        if (caller.organizationId !== this.organizationId || ![this.agentId, this.otherAgentId].includes(id)) {
          throw new GatewayError("not_found");
        }
        return { id } as Awaited<ReturnType<Gateway["getAgent"]>>;
      },
      createAgent: absent,
      updateAgent: absent,
      deployAgent: absent,
      suspendAgent: absent,
      resumeAgent: absent,
      deleteAgent: absent,
      listAgents: absent,
      listMemories: async (_caller, filter) => {
        this.#called("listMemories", filter);
        const { page, perPage } = filter;
        return { items: this.memories, total: this.memories.length, page, perPage };
      },
      storeMemory: absent,
      deleteMemory: async (_caller, memoryId, once) => {
        this.#called("deleteMemory", memoryId, once);
        const place = this.memories.findIndex(({ id }) => id === memoryId);
        if (place === -1) throw new GatewayError("not_found");
        this.memories.splice(place, 1);
      },
      ...this.#peerUseCases(),
      createKey: absent,
      listKeys: absent,
      rotateKey: absent,
      revokeKey: absent,
      createSession: absent,
      listSessions: absent,
      revokeSession: absent,
      createOrganization: absent,
      checkReady: absent,
    };
  }

  #peerUseCases(): Pick<Gateway, "createPeer" | "getPeer" | "listPeers" | "updatePeer" | "deletePeer"> {
    const find = (peerId: string): Peer => {
      const peer = this.peers.find(({ id }) => id === peerId);
      if (!peer) throw new GatewayError("not_found");
      return peer;
    };
    const at = "2026-01-01T00:00:00.000Z";
    return {
      createPeer: async (_caller, input, once) => {
        this.#called("createPeer", input, once);
        const { auth } = input;
        const shown = auth.type === "bearer" ? { type: auth.type } : auth;
        const { protocol = "a2a" } = input;
        const peer = {
          ...input,
          protocol,
          auth: shown,
          organizationId: this.organizationId,
          id: newPeerId(),
          createdAt: at,
          updatedAt: at,
        };
        this.peers.push(peer);
        return peer;
      },
      getPeer: async (_caller, peerId) => find(peerId),
      listPeers: async (_caller, page) => ({ items: this.peers, total: this.peers.length, ...page }),
      updatePeer: async (_caller, input, once) => {
        this.#called("updatePeer", input, once);
        return find(input.peerId);
      },
      deletePeer: async (_caller, peerId, once) => {
        this.#called("deletePeer", peerId, once);
        this.peers.splice(this.peers.indexOf(find(peerId)), 1);
      },
    };
  }

  #conversationUseCases(): ConversationUseCases {
    return {
      getRunState: async (caller, conversationId) => {
        const conversation = this.#seen(caller, conversationId);
        const { queue, held, agentId, log, head, execution, isResting } = conversation;
        const cards = conversation.openCards();
        const { status, turnId, turnNumber } = execution;
        const state = status === "paused" ? "paused" : isResting ? "idle" : "running";
        const waits = { queueDepth: queue.length, queue, cardsOpen: cards.length, cards, steersWaiting: 0, activeChildId: null };
        const place = { cursor: head, version: log.length, branch: 0 };
        return { conversationId, agentId, state, held, status, turnId, turnNumber, ...waits, ...place };
      },
      getConversation: async (caller, { conversationId, branch = 1 }) => {
        if (branch > 1) throw new GatewayError("not_found");
        const { execution } = this.#seen(caller, conversationId);
        const { input, turnId, createdAt: at, user } = execution;
        const said = { kind: "user", id: "message", at, ...input, user, turnId: turnId ?? "" } as const;
        const answered = { kind: "agent", id: "1-3", at, text: "Hi", turnId: turnId ?? "", status: "completed" } as const;
        const root = { execution, thread: [said, answered], older: null, usage: NO_USAGE };
        return {
          conversationId,
          version: 1,
          branch,
          root,
          children: [],
          childrenLeftOut: 0,
          usage: { ...NO_USAGE, inputTokens: 3, outputTokens: 4 },
        };
      },
      listBranches: async (caller, { conversationId, ...page }) => {
        const { agentId } = this.#seen(caller, conversationId);
        const endedAt = "2026-01-01T00:00:00.000Z";
        return { items: [1, 0].map((branch) => ({ branch, editedMessageId: agentId, endedAt })), total: 2 + page.perPage, ...page };
      },
      getMessage: async (caller, { conversationId, messageId }) => {
        const { queue, agentId } = this.#seen(caller, conversationId);
        const waiting = queue.find(({ id }) => id === messageId);
        if (!waiting) throw new GatewayError("not_found");
        return { ...waiting, conversationId, agentId, state: "queued", steering: false, expiresAt: null };
      },
      getCard: async (caller, { conversationId, cardId }) => {
        const card = this.#seen(caller, conversationId).cards.find(({ id }) => id === cardId);
        if (!card) throw new GatewayError("not_found");
        return card;
      },
      answerCard: async (caller, { conversationId, cardId, answers }, once) => {
        this.#called("answerCard", { conversationId, cardId, answers }, once);
        if (answers.some(({ questionId }) => questionId !== "q")) throw new GatewayError("invalid_answers");
        const conversation = this.#seen(caller, conversationId);
        return conversation.decide("questions", cardId, { outcome: "answered", answer: { answers: [] }, by: caller.principalId });
      },
      decideCard: async (caller, { conversationId, cardId, decision, argumentsHash, comment }, once) => {
        this.#called("decideCard", { conversationId, cardId, decision, argumentsHash, comment }, once);
        const outcome = decision === "approve" ? "approved" : "denied";
        const answer = { comment: comment ?? null };
        return this.#seen(caller, conversationId).decide("approval", cardId, { outcome, answer, by: caller.principalId });
      },
      stopConversation: async (caller, { conversationId, turnId, clearQueue }, once) => {
        this.#called("stopConversation", { conversationId, turnId, clearQueue }, once);
        const conversation = this.#seen(caller, conversationId);
        const current = conversation.execution.turnId;
        const queueCleared = clearQueue ? conversation.queue.splice(0).length : 0;
        const stopped = !conversation.isResting && (turnId === undefined || turnId === current);
        conversation.held = true;
        const end = { turnNumber: 1, reason: "user_stop", result: null, usage: NO_USAGE, more: false } as const;
        if (stopped) conversation.happen("turn.stopped", end);
        const cards = conversation.openCards().map(({ id }) => id);
        const children = [{ executionId: "child", agentId: "agent", mode: "async" as const }];
        const queue = { queueCleared, queueDepth: conversation.queue.length };
        return { conversationId, stopped, turnId: stopped ? current : null, children, cards, ...queue, replayed: false };
      },
      cancelMessage: async (caller, { conversationId, messageId }, once) => {
        this.#called("cancelMessage", { conversationId, messageId }, once);
        const conversation = this.#seen(caller, conversationId);
        const index = conversation.queue.findIndex(({ id }) => id === messageId);
        if (index < 0) throw new GatewayError("message_not_waiting");
        conversation.queue.splice(index, 1);
        conversation.happen("queue.updated", { action: "cancel", messageId, queueDepth: conversation.queue.length });
        return { conversationId, cancelled: 1, queueDepth: conversation.queue.length, replayed: false };
      },
      changeMessage: async (caller, { conversationId, messageId, ...change }, once) => {
        this.#called("changeMessage", { conversationId, messageId, ...change }, once);
        const { queue } = this.#seen(caller, conversationId);
        return { conversationId, messageId, position: change.position ?? 1, queueDepth: queue.length, replayed: false };
      },
      clearQueue: async (caller, conversationId, once) => {
        this.#called("clearQueue", conversationId, once);
        const conversation = this.#seen(caller, conversationId);
        const messageIds = conversation.queue.splice(0).map(({ id }) => id);
        conversation.happen("queue.updated", { action: "clear", messageId: null, messageIds, queueDepth: 0 });
        return { conversationId, cancelled: messageIds.length, queueDepth: 0, replayed: false };
      },
      resetConversation: absent,
      drainConversation: async (caller, conversationId, once) => {
        this.#called("drainConversation", conversationId, once);
        const conversation = this.#seen(caller, conversationId);
        const { head: cursor, isResting, queue } = conversation;
        const paused = conversation.execution.status === "paused";
        const action = paused ? "paused" : !isResting ? "running" : queue.length > 0 ? "draining" : "empty";
        conversation.held = false;
        if (action === "draining") conversation.pop();
        return { conversationId, action, queueDepth: queue.length, cursor, replayed: false };
      },
    };
  }

  #executionUseCases(): Pick<
    Gateway,
    "getExecution" | "listExecutions" | "getThread" | "getFullThread" | "stopExecution" | "deleteExecution"
  > {
    return {
      getExecution: async (caller, id) => this.#seen(caller, id).execution,
      listExecutions: async (caller, filter) => {
        this.#called("listExecutions", filter);
        const items = [...this.conversations.values()].filter(
          ({ organizationId, agentId }) => organizationId === caller.organizationId && (filter.agentId ?? agentId) === agentId,
        );
        return { items: items.map(({ execution }) => execution), total: 41, page: filter.page, perPage: filter.perPage };
      },
      getThread: async (caller, { executionId, before }) => {
        this.#called("getThread", { executionId, before });
        this.#seen(caller, executionId);
        const messages = [{ id: "m1", role: "user" as const, content: "Hello", files: [], at: "2026-01-01T00:00:01.900Z" }];
        return { messages, older: before === undefined ? "7-1" : null };
      },
      getFullThread: async (caller, { executionId, before }) => {
        this.#called("getFullThread", { executionId, before });
        this.#seen(caller, executionId);
        return { threads: { root: [], [newId()]: [] }, older: before === undefined ? "7-1" : null, childrenLeftOut: 2 };
      },
      stopExecution: async (caller, id, once) => {
        this.#called("stopExecution", id, once);
        return this.#seen(caller, id).execution;
      },
      deleteExecution: async (caller, input, once) => {
        this.#called("deleteExecution", input, once);
        this.#seen(caller, input.executionId);
        this.conversations.delete(input.executionId);
      },
    };
  }

  #called(name: string, input: unknown, facts?: unknown): void {
    this.calls.push({ name, input, facts });
  }

  /** What the caller may not see does not exist. */
  #seen(caller: Caller, id: string): FakeConversation {
    const conversation = this.conversation(id);
    if (conversation.organizationId !== caller.organizationId || !mayUseAgent(caller, conversation.agentId)) {
      throw new GatewayError("not_found");
    }
    return conversation;
  }

  #submit(caller: Caller, input: SubmitInput, facts: SubmitFacts): SubmitResult {
    this.#called("submitMessage", input, facts);
    if (this.refusal) throw this.refusal;
    if (facts.edits && this.knowsNoMessage) throw new GatewayError("not_found");
    const key = input.idempotencyKey && `${caller.principalId} ${facts.route} ${input.idempotencyKey}`;
    const before = key === undefined ? undefined : this.#answers.get(key);
    if (before && before.body !== JSON.stringify(input)) throw new GatewayError("idempotency_mismatch");
    if (before) return { ...before.result, replayed: true };
    const result = this.#admit(this.#target(caller, input, facts), input, facts);
    if (key !== undefined) this.#answers.set(key, { body: JSON.stringify(input), result });
    return result;
  }

  #target(caller: Caller, { conversationId, agentId }: SubmitInput, { invoke }: SubmitFacts): FakeConversation {
    if (conversationId !== undefined && (!invoke || this.conversations.has(conversationId))) return this.#seen(caller, conversationId);
    const conversation = new FakeConversation({ id: conversationId ?? newId(), organizationId: caller.organizationId, agentId });
    this.conversations.set(conversation.id, conversation);
    return conversation;
  }

  #admit(conversation: FakeConversation, input: SubmitInput, { keepNothingWhenIdle }: SubmitFacts): SubmitResult {
    const { text, files, user = null, mode, options } = input;
    const { head: cursor, queue, isResting } = conversation;
    const [messageId, turnId] = [newId<string>(), newId<string>()];
    const runsNow = isResting && mode !== "queue";
    if (!runsNow && mode === "reject") throw new GatewayError("turn_in_progress");
    if (isResting && mode === "steer") throw new GatewayError("nothing_to_steer");
    if (mode === "steer") {
      conversation.happen("queue.updated", { action: "enqueue", messageId, queueDepth: queue.length });
      const waits = { position: 0, queueDepth: queue.length, cursor, replayed: false };
      return { action: "steering", mode, askedMode: mode, conversationId: conversation.id, messageId, turnId, ...waits };
    }
    if (runsNow && !(keepNothingWhenIdle && mode === "auto")) {
      conversation.happen("turn.created", { messageId, turnId, input: { text, files }, user, options, mode }, { turnId });
    }
    if (!runsNow) {
      const position = queue.length + 1;
      const enqueuedAt = "2026-01-01T00:00:00.000Z";
      queue.push({ id: messageId, turnId, text, files, user, mode, position, idempotencyKey: null, enqueuedAt, input });
      conversation.happen("queue.updated", { action: "enqueue", messageId, queueDepth: position });
    }
    const depth = { position: queue.length, queueDepth: queue.length };
    const action = runsNow ? "started" : "queued";
    return { action, mode, askedMode: mode, conversationId: conversation.id, messageId, turnId, ...depth, cursor, replayed: false };
  }
}
