import {
  agentId,
  BOUNDS,
  conversationId,
  deleteExecutionInput,
  executionId,
  messageInput,
  type SaidMessage,
  type SessionSummary,
  submitInput,
  turnOptions,
} from "@parley/contracts";
import { z } from "zod";
import { agentOf } from "../../turn/agent-of.ts";
import { runTurn } from "../../turn/run-turn.ts";
import { type MethodsOf, method, type RpcCall } from "../method.ts";
import { limitOf, partOf, partShape } from "../part.ts";
import { SPAWNED } from "./subagent.ts";

/** A session is a conversation; its key is the conversation's id. */
const keyed = { session_key: conversationId };
const text = messageInput.shape.text.unwrap().min(1);
const timeout_ms = z.int().min(0).max(BOUNDS.syncWaitMs.ceiling).optional();
/** Messages of one part of an export. */
const EXPORTED_MAX = 1_000;

const ms = (iso: string): number => Date.parse(iso);
const tokensOf = ({ inputTokens, outputTokens }: SessionSummary) => ({
  inputTokens,
  outputTokens,
  totalTokens: inputTokens + outputTokens,
});

const listed = (session: SessionSummary) => ({
  sessionKey: session.conversationId,
  agentId: session.agentId,
  userId: session.user?.id ?? session.user?.email ?? null,
  kind: session.kind,
  label: session.title,
  status: session.status,
  messageCount: session.messageCount,
  totalTokens: session.inputTokens + session.outputTokens,
  createdAt: ms(session.createdAt),
  updatedAt: ms(session.updatedAt),
});

const described = (session: SessionSummary) => ({
  key: session.conversationId,
  agentId: session.agentId,
  label: session.title,
  messageCount: session.messageCount,
  compactions: session.compactions,
  ...tokensOf(session),
  createdAt: ms(session.createdAt),
  lastActiveAt: ms(session.updatedAt),
});

const said = ({ role, content, at, turnId }: SaidMessage) => ({ role, content, timestamp: ms(at), turnId });

interface Wanted {
  session_key: string;
  offset: number;
  limit: number;
}

async function readPart({ administration, caller }: RpcCall, { session_key, offset, limit }: Wanted) {
  const session = await administration.getSession(caller, session_key);
  const messages = await administration.readMessages(caller, { conversationId: session_key, offset, limit });
  const part = partOf({ offset, limit }, { shown: messages.length, total: session.messageCount });
  return { session, messages: messages.map(said), part };
}

const recent = async ({ administration, caller }: RpcCall, limit: number) => {
  const { items, total } = await administration.listSessions(caller, { kind: "dm", offset: 0, limit });
  return { mode: "recent", sessions: items.map(listed), total };
};

/** What a caller that does not wait is told. */
async function submit({ gateway, caller, method, once }: RpcCall, input: z.input<typeof submitInput>) {
  const submitted = await gateway.submitMessage(caller, submitInput.parse({ ...input, idempotencyKey: once?.key }), { route: method });
  return { ...submitted, sessionKey: submitted.conversationId };
}

export const session = {
  "session.list": method(
    {
      ...partShape,
      kind: z.enum(["all", "dm", "sub-agent"]).default("all"),
      agentId: agentId.optional(),
      since_minutes: z.int().positive().max(5_256_000).optional(),
    },
    async ({ administration, caller, limits }, { kind, agentId, since_minutes, offset, ...wanted }) => {
      const limit = limitOf(wanted.limit, limits);
      const changedSince = since_minutes === undefined ? undefined : new Date(Date.now() - since_minutes * 60_000);
      const filter = { kind: kind === "all" ? undefined : kind, agentId, changedSince, offset, limit };
      const { items, total } = await administration.listSessions(caller, filter);
      return { sessions: items.map(listed), ...partOf({ offset, limit }, { shown: items.length, total }) };
    },
  ),

  "session.history": method({ ...keyed, ...partShape }, async (call, { limit, ...wanted }) => {
    const { session, messages, part } = await readPart(call, { ...wanted, limit: limitOf(limit, call.limits) });
    return { session: described(session), messages, ...part };
  }),

  "session.search": method(
    {
      query: z.string().min(1).max(1_000).optional(),
      scope: z.enum(["all", "user", "assistant"]).default("all"),
      limit: z.int().min(1).max(50).default(10),
    },
    async (call, { query, scope, limit }) => {
      if (query === undefined) return recent(call, limit);
      const role = scope === "all" ? undefined : scope;
      const found = await call.administration.searchMessages(call.caller, { query, role, limit });
      const results = found.map(({ conversationId: sessionKey, agentId, role, snippet, turnId, at }) => ({
        ...{ sessionKey, agentId, role, snippet, turnId },
        timestamp: ms(at),
      }));
      return { mode: "search", results, total: results.length };
    },
  ),

  "session.status": method(keyed, async ({ administration, gateway, caller }, { session_key }) => {
    const session = await administration.getSession(caller, session_key);
    const agent = await gateway.getAgent(caller, session.agentId);
    const { status, state, held, queueDepth, cardsOpen, turnNumber, stepsExecuted } = session;
    return {
      ...{ sessionKey: session_key, agentId: agent.id, agentName: agent.name, model: agent.config.model },
      tokensUsed: tokensOf(session),
      ...{ stepsExecuted, maxSteps: agent.config.stepsMax, status, state, held, queueDepth, cardsOpen, turnNumber },
    };
  }),

  /** `wait` is answered with the turn's end, else with what became of the message. */
  "session.send": method(
    { ...keyed, text, mode: z.enum(["fire-and-forget", "wait"]).default("wait"), timeout_ms, agent_id: agentId.optional() },
    async (call, { session_key, text, mode, timeout_ms, agent_id }) => {
      const agentId = await agentOf(call, { agentId: agent_id, conversationId: session_key });
      const input = { agentId, conversationId: session_key, text };
      return mode === "wait" ? runTurn(call, { input: submitInput.parse(input), waitMs: timeout_ms }) : submit(call, input);
    },
  ),

  /** A conversation of its own for one task. Where it is not waited for, or not long enough, its id follows it up. */
  "session.spawn": method(
    {
      task: text,
      agent: agentId.optional(),
      async: z.boolean().default(false),
      model: turnOptions.shape.model,
      objective: turnOptions.shape.title,
      domain_knowledge: turnOptions.shape.additionalContext,
      expected_outputs: turnOptions.shape.expectedOutput,
      timeout_ms,
    },
    async (call, { task, agent, async, model, objective, domain_knowledge, expected_outputs, timeout_ms }) => {
      const options = { model, title: objective, additionalContext: domain_knowledge, expectedOutput: expected_outputs, source: SPAWNED };
      const input = { agentId: await agentOf(call, { agentId: agent }), text: task, options };
      if (async) {
        const submitted = await submit(call, input);
        return { runId: submitted.conversationId, async: true, ...submitted };
      }
      const answer = await runTurn(call, { input: submitInput.parse(input), waitMs: timeout_ms });
      return { runId: answer.conversationId, async: answer.status === "pending", ...answer, taskDescription: task };
    },
  ),

  /** With it goes what was learned in it and nowhere else, unless that is to be kept. */
  "session.delete": method(
    { session_key: executionId, memories: deleteExecutionInput.shape.memories },
    async ({ gateway, caller, once }, { session_key, memories }) => {
      await gateway.deleteExecution(caller, { executionId: session_key, memories }, once);
      return { sessionKey: session_key, deleted: true };
    },
  ),

  "session.reset": method(keyed, async ({ gateway, caller, once }, { session_key }) => {
    const { branch, messageCount } = await gateway.resetConversation(caller, session_key, once);
    return { sessionKey: session_key, reset: true, previousMessageCount: messageCount, branch };
  }),

  "session.export": method(
    { ...keyed, ...partShape, limit: z.int().min(1).max(EXPORTED_MAX).default(EXPORTED_MAX) },
    async (call, wanted) => {
      const { session, messages, part } = await readPart(call, wanted);
      const { user, title, source, status, turnNumber } = session;
      const metadata = { agentId: session.agentId, user, title, source, status, turnNumber, ...tokensOf(session) };
      const { createdAt, updatedAt, messageCount } = session;
      return {
        sessionKey: wanted.session_key,
        messages,
        metadata,
        messageCount,
        createdAt: ms(createdAt),
        updatedAt: ms(updatedAt),
        ...part,
      };
    },
  ),

  "session.compact": method(keyed, async ({ administration, caller, once }, { session_key }) => {
    await administration.orderCompaction(caller, session_key, once);
    const { messageCount } = await administration.getSession(caller, session_key);
    return { sessionKey: session_key, messageCount, compactionTriggered: true };
  }),
} satisfies MethodsOf<"session">;
