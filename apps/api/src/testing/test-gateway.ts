import {
  type Agent,
  type ApiKey,
  type Cursor,
  compareCursors,
  type Execution,
  GatewayError,
  type LogEvent,
  makeCursor,
  type NewEvent,
  NO_USAGE,
  newId,
  newKeyId,
  type Page,
  type PageQuery,
  SCOPES,
  START,
  type SubmitInput,
  type SubmitResult,
} from "@parley/contracts";
import { type Caller, type Following, type Gateway, mayUseAgent } from "@parley/domain";
import { root } from "../rest/testing/facts.ts";
import { refusedUseCases } from "./refused-use-cases.ts";

interface Conversation {
  execution: Execution;
  log: LogEvent[];
  wake: Set<() => void>;
}

export interface TestGateway extends Gateway {
  /** Callers by their credential; deleting one revokes it. */
  callers: Map<string, Caller>;
  /** How many followers read right now. */
  followers(): number;
  /** Appends facts to a conversation's log. */
  append(conversationId: string, ...events: NewEvent[]): void;
  /** Says the words as deltas and completes the conversation's turn. */
  answer(conversationId: string, words: string[]): void;
  /** Thrown by the next call that asks for a run state. */
  failure: unknown;
  ready: { postgres: boolean; redis: boolean };
}

export const testCaller = (changes: Partial<Caller> = {}): Caller => ({
  organizationId: "o-1",
  principalId: "key-1",
  scopes: new Set(SCOPES),
  agentIds: null,
  ...changes,
});

/** A gateway in memory for tests of the doors: a log per conversation, which the test writes. */
export function createTestGateway(): TestGateway {
  const conversations = new Map<string, Conversation>();
  const answers = new Map<string, { body: string; result: SubmitResult }>();
  const keys = new Map<string, ApiKey>();
  const agents = new Map<string, Agent>();
  let followers = 0;

  function find(caller: Caller, id: string): Conversation {
    const found = conversations.get(id);
    const mine = found?.execution.organizationId === caller.organizationId && mayUseAgent(caller, found.execution.agentId);
    if (!found || !mine) throw new GatewayError("not_found");
    return found;
  }

  function start(caller: Caller, input: SubmitInput): Conversation {
    const id = input.conversationId ?? newId<string>();
    const existing = conversations.get(id);
    if (existing) return find(caller, id);
    const at = new Date().toISOString();
    const conversation: Conversation = {
      log: [],
      wake: new Set(),
      execution: root({
        ...{ id, organizationId: caller.organizationId, conversationId: id, agentId: input.agentId },
        ...{ input: { text: input.text, files: input.files }, user: input.user ?? null, options: input.options },
        ...{ createdAt: at, updatedAt: at },
      }),
    };
    conversations.set(id, conversation);
    return conversation;
  }

  const headOf = ({ log }: Conversation): Cursor => log.at(-1)?.cursor ?? START;

  function appendTo(conversation: Conversation, events: NewEvent[]): void {
    for (const event of events) {
      const cursor = makeCursor({ epoch: 1, n: conversation.log.length + 1 });
      conversation.log.push({ ...event, cursor, at: new Date().toISOString() } as LogEvent);
    }
    for (const wake of conversation.wake) wake();
  }

  async function* read(conversation: Conversation, after: Cursor, signal: AbortSignal): AsyncGenerator<LogEvent, void> {
    followers++;
    let next = conversation.log.findIndex(({ cursor }) => compareCursors(cursor, after) > 0);
    if (next === -1) next = conversation.log.length;
    try {
      while (!signal.aborted) {
        const event = conversation.log[next];
        if (event) {
          next++;
          yield event;
          continue;
        }
        await new Promise<void>((resolve) => {
          const wake = () => {
            conversation.wake.delete(wake);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          conversation.wake.add(wake);
          signal.addEventListener("abort", wake);
        });
      }
    } finally {
      followers--;
    }
  }

  function follow(conversation: Conversation, after: Cursor, signal: AbortSignal): Following {
    if (compareCursors(after, headOf(conversation)) > 0) throw new GatewayError("invalid_cursor");
    const ended = conversation.log.some(({ cursor, type }) => type === "turn.completed" && compareCursors(cursor, after) <= 0);
    const execution = { ...conversation.execution, status: ended ? ("completed" as const) : ("executing" as const) };
    if (after === START) execution.turnId = null;
    return { execution, cursor: after, events: read(conversation, after, signal) };
  }

  function submit(caller: Caller, input: SubmitInput, route: string): SubmitResult {
    if (!mayUseAgent(caller, input.agentId)) throw new GatewayError("not_found");
    const { idempotencyKey, ...body } = input;
    const key = `${caller.principalId} ${route} ${idempotencyKey}`;
    const before = idempotencyKey === undefined ? undefined : answers.get(key);
    if (before && before.body !== JSON.stringify(body)) throw new GatewayError("idempotency_mismatch");
    if (before) return { ...before.result, replayed: true };
    const conversation = start(caller, input);
    const result: SubmitResult = {
      action: "started",
      mode: input.mode,
      askedMode: input.mode,
      conversationId: conversation.execution.id,
      messageId: newId(),
      turnId: newId(),
      position: 0,
      queueDepth: 0,
      cursor: headOf(conversation),
      replayed: false,
    };
    answers.set(key, { body: JSON.stringify(body), result });
    conversation.execution.turnId = result.turnId;
    conversation.execution.turnNumber++;
    const facts = { executionId: conversation.execution.id, turnId: result.turnId };
    const { messageId, turnId, mode } = result;
    const content = { text: input.text, files: input.files };
    appendTo(conversation, [
      { type: "turn.created", ...facts, data: { messageId, turnId, input: content, user: null, options: {}, mode } },
      { type: "turn.started", ...facts, data: { turnNumber: conversation.execution.turnNumber, attempt: 1, agentVersion: 1 } },
    ]);
    return result;
  }

  const gateway: TestGateway = {
    ...refusedUseCases,
    callers: new Map(),
    failure: null,
    ready: { postgres: true, redis: true },
    followers: () => followers,
    append: (id, ...events) => appendTo(conversations.get(id) ?? fail(), events),
    answer(id, words) {
      const conversation = conversations.get(id) ?? fail();
      const { turnId, turnNumber } = conversation.execution;
      const facts = { executionId: id, turnId };
      for (const [index, text] of words.entries()) {
        const offset = words.slice(0, index).join("").length;
        appendTo(conversation, [{ type: "turn.delta", ...facts, data: { step: 0, offset, text } }]);
      }
      conversation.execution.status = "completed";
      const data = { turnNumber, result: words.join(""), usage: NO_USAGE, more: false };
      appendTo(conversation, [{ type: "turn.completed", ...facts, data }]);
    },

    async authenticate(credential) {
      const caller = gateway.callers.get(credential);
      if (!caller) throw new GatewayError("unauthenticated");
      return caller;
    },
    submitMessage: async (caller, input, { route }) => submit(caller, input, route),
    async submitAndShow(caller, input, { route }) {
      const submitted = submit(caller, input, route);
      return { submitted, execution: submitted.replayed ? null : find(caller, submitted.conversationId).execution };
    },
    async submitAndFollow(caller, input, { route, signal }) {
      const submitted = submit(caller, input, route);
      return { ...follow(find(caller, submitted.conversationId), submitted.cursor as Cursor, signal), submitted };
    },
    followConversation: async (caller, { conversationId, after = START, signal }) => follow(find(caller, conversationId), after, signal),
    async awaitTurn(caller, { conversationId, signal }) {
      const conversation = find(caller, conversationId);
      for await (const event of read(conversation, START, signal)) if (event.type === "turn.completed") break;
      return conversation.execution;
    },
    readTurn: async (caller, { conversationId }) => find(caller, conversationId).execution,
    async getRunState(caller, conversationId) {
      if (gateway.failure) throw gateway.failure;
      const conversation = find(caller, conversationId);
      const { agentId, status, turnId, turnNumber } = conversation.execution;
      const state = status === "completed" ? "idle" : "running";
      const waits = { queueDepth: 0, queue: [], cardsOpen: 0, cards: [], steersWaiting: 0, held: false, activeChildId: null };
      const place = { cursor: headOf(conversation), version: 1, branch: 0 };
      return { conversationId, agentId, state, status, turnId, turnNumber, ...waits, ...place };
    },
    async getConversation(caller, { conversationId }) {
      const { execution } = find(caller, conversationId);
      return {
        conversationId,
        version: 1,
        branch: 0,
        root: { execution, thread: [], older: null, usage: NO_USAGE },
        children: [],
        childrenLeftOut: 0,
        usage: NO_USAGE,
      };
    },
    listBranches: async (caller, { conversationId, ...page }) => {
      find(caller, conversationId);
      return { items: [], total: 0, ...page };
    },
    async getMessage(caller, { conversationId, messageId }) {
      const { execution } = find(caller, conversationId);
      const { agentId, input, user, turnId, createdAt: enqueuedAt } = execution;
      const message = { id: messageId, conversationId, agentId, ...input, user, turnId: turnId ?? "", enqueuedAt, expiresAt: null };
      return { ...message, state: execution.status === "completed" ? "done" : "running", mode: "auto", steering: false, position: 0 };
    },
    resolveModel: () => {
      throw new GatewayError("model_not_found");
    },
    listModels: async () => [],
    callModel: refuse,
    claimCall: refuse,
    getCard: refuse,
    answerCard: refuse,
    answerByText: refuse,
    decideCard: refuse,
    changeMessage: refuse,
    async stopConversation(caller, { conversationId }) {
      const { execution } = find(caller, conversationId);
      const ended = { turnId: execution.turnId, children: [], cards: [], queueCleared: 0, queueDepth: 0 };
      return { conversationId, stopped: true, ...ended, replayed: false };
    },
    cancelMessage: async (caller, { conversationId }) => ({
      conversationId: find(caller, conversationId).execution.id,
      cancelled: 1,
      queueDepth: 0,
      replayed: false,
    }),
    clearQueue: async (caller, id) => ({ conversationId: find(caller, id).execution.id, cancelled: 0, queueDepth: 0, replayed: false }),
    resetConversation: refuse,
    async drainConversation(caller, conversationId) {
      const conversation = find(caller, conversationId);
      const action = conversation.execution.status === "completed" ? "empty" : "running";
      return { conversationId, action, queueDepth: 0, cursor: headOf(conversation), replayed: false };
    },
    getExecution: async (caller, id) => find(caller, id).execution,
    async listExecutions(caller, { page, perPage }) {
      const items = [...conversations.values()].map(({ execution }) => execution);
      const mine = items.filter(({ organizationId }) => organizationId === caller.organizationId);
      return { items: mine.slice(0, perPage), total: mine.length, page, perPage };
    },
    getThread: async (caller, { executionId: id }) => ({
      messages: [{ id: `${id}_user_0`, role: "user", content: find(caller, id).execution.input.text, files: [], at: "" }],
      older: null,
    }),
    getFullThread: async (caller, input) => ({
      threads: { root: (await gateway.getThread(caller, input)).messages },
      older: null,
      childrenLeftOut: 0,
    }),
    stopExecution: async (caller, id) => find(caller, id).execution,
    async deleteExecution(caller, { executionId }) {
      find(caller, executionId);
      conversations.delete(executionId);
    },
    async createAgent({ organizationId }, { name, description, config }) {
      const state = "active" as const;
      const agent = {
        id: newId<string>(),
        organizationId,
        name,
        description,
        version: 1,
        state,
        config,
        createdAt: new Date().toISOString(),
      };
      agents.set(agent.id, agent);
      return agent;
    },
    updateAgent: async (caller, { agentId }) => gateway.getAgent(caller, agentId),
    deployAgent: async (caller, agentId) => gateway.getAgent(caller, agentId),
    suspendAgent: refuse,
    resumeAgent: refuse,
    deleteAgent: refuse,
    getAgent: async (caller, agentId) => {
      const agent = agents.get(agentId);
      if (agent?.organizationId !== caller.organizationId) throw new GatewayError("not_found");
      return agent;
    },
    listMemories: async (_caller, { page, perPage }) => ({ items: [], total: 0, page, perPage }),
    storeMemory: refuse,
    deleteMemory: async () => {
      throw new GatewayError("not_found");
    },
    listAgents: async (caller, page) =>
      pageOf(
        [...agents.values()].filter(({ organizationId }) => organizationId === caller.organizationId),
        page,
      ),
    async createKey(organizationId, { name, scopes, agentIds = null, expiresAt }) {
      const id = newKeyId();
      const times = { expiresAt: expiresAt?.toISOString() ?? null, revokedAt: null, mcp: null, createdAt: new Date().toISOString() };
      const key: ApiKey = { id, organizationId, name, prefix: "agw_test", scopes, agentIds, ...times };
      keys.set(id, key);
      return { ...key, apiKey: `agw_test_${id}` };
    },
    listKeys: async (organizationId, page) =>
      pageOf(
        [...keys.values()].filter((key) => key.organizationId === organizationId),
        page,
      ),
    async rotateKey(organizationId, { keyId, overlapSeconds }) {
      const key = keys.get(keyId);
      if (key?.organizationId !== organizationId) throw new GatewayError("not_found");
      return { ...key, apiKey: `agw_rotated_${keyId}`, previousUntil: new Date(Date.now() + overlapSeconds * 1_000).toISOString() };
    },
    async revokeKey(organizationId, keyId) {
      if (keys.get(keyId)?.organizationId !== organizationId) throw new GatewayError("not_found");
      keys.delete(keyId);
    },
    createSession: refuse,
    listSessions: async () => [],
    revokeSession: refuse,
    createOrganization: async ({ name }) => ({ id: newId<string>(), name }),
    checkReady: async () => gateway.ready,
  };
  return gateway;
}

/** There is nothing of the kind here. */
const refuse = () => Promise.reject(new GatewayError("not_found"));

const pageOf = <Item>(items: Item[], { page, perPage }: PageQuery): Page<Item> => ({
  items: items.slice((page - 1) * perPage, page * perPage),
  total: items.length,
  page,
  perPage,
});

function fail(): never {
  throw new Error("There is no such conversation.");
}
