import { agentId, listMemoriesInput, type McpTool, type SessionSummary } from "@parley/contracts";
import { z } from "zod";
import { askAgent, askAgentInput } from "./ask-agent.ts";
import type { ToolAnswer, ToolCall } from "./call.ts";
import { listedSessions, readableSession, transcript } from "./sessions.ts";

interface Tool {
  description: string;
  input: z.ZodObject;
  /** What is told; it may hold what others have said. */
  run(call: ToolCall, input: never): Promise<string | ToolAnswer>;
}

const tool = <Input extends z.ZodObject>(
  description: string,
  input: Input,
  run: (call: ToolCall, input: z.output<Input>) => Promise<string | ToolAnswer>,
): Tool => ({
  description,
  input,
  run,
});

const session_id = z.string().max(100);
const query = z.string().min(1).max(1_000);
const limit = z.int().min(1).max(50).default(10);
const HISTORY_MAX = 200;

const json = (value: unknown): string => JSON.stringify(value, null, 2);

const sessionRow = ({ conversationId, agentId, title, status, state, queueDepth, cardsOpen, messageCount, updatedAt }: SessionSummary) => ({
  ...{ session_id: conversationId, agent_id: agentId, title, status, state },
  ...{ queue_depth: queueDepth, cards_open: cardsOpen, messages: messageCount, updated_at: updatedAt },
});

export const TOOLS: Record<McpTool, Tool> = {
  agents_list: tool("The agents that may be asked.", z.object({}), async ({ gateway, caller, limits }) => {
    const { items } = await gateway.listAgents(caller, { page: 1, perPage: limits.pageMax });
    return json(items.map(({ id, name, description }) => ({ agent_id: id, name, description })));
  }),

  agent_ask: tool("Asks an agent and waits for its answer. The session that it names can be gone on with.", askAgentInput, askAgent),

  sessions_list: tool("The sessions that may be read.", z.object({}), async (call) => json((await listedSessions(call)).map(sessionRow))),

  sessions_history: tool(
    "What was said in a session, oldest first.",
    z.object({ session_id, offset: z.int().min(0).max(10_000_000).default(0), limit: z.int().min(1).max(HISTORY_MAX).default(50) }),
    async (call, { session_id: id, ...part }) => transcript(call, await readableSession(call, id), part),
  ),

  session_search: tool("Where words were said in the sessions that may be read.", z.object({ query, limit }), async (call, wanted) => {
    const { administration, caller, access } = call;
    const found = await administration.searchMessages(caller, { query: wanted.query, limit: wanted.limit });
    const mayRead = (id: string): boolean => access.sessions === "*" || access.sessions.some((one) => one === id);
    return json(
      found.flatMap(({ conversationId, role, snippet, at }) =>
        mayRead(conversationId) ? [{ session_id: conversationId, role, snippet, at }] : [],
      ),
    );
  }),

  session_status: tool("What a session does now.", z.object({ session_id }), async (call, { session_id: id }) =>
    json(sessionRow(await readableSession(call, id))),
  ),

  memory_search: tool("What is remembered, best first.", z.object({ query, limit, agent_id: agentId.optional() }), async (call, wanted) => {
    const filter = listMemoriesInput.parse({ query: wanted.query, perPage: wanted.limit, agentId: wanted.agent_id });
    const { items } = await call.gateway.listMemories(call.caller, filter);
    return json(items.map(({ id, text, scope, tainted, createdAt }) => ({ id, text, scope, tainted, created_at: createdAt })));
  }),
};
