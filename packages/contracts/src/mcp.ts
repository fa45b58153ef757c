import { z } from "zod";
import { conversationId } from "./ids.ts";

/** What the MCP server can do; a key may do of it what it names. */
export const MCP_TOOLS = [
  "agents_list",
  "agent_ask",
  "sessions_list",
  "sessions_history",
  "session_search",
  "session_status",
  "memory_search",
] as const;
export const mcpTool = z.enum(MCP_TOOLS);
export type McpTool = z.infer<typeof mcpTool>;

const SESSIONS_MAX = 1_000;

/** What a key may do over MCP. What is not named here it may not do. */
export const mcpAccess = z.object({
  tools: z.array(mcpTool).max(MCP_TOOLS.length).default([]),
  /** The conversations that it may read and go on with, besides those that it has begun itself; `*`: all of the agents that it may use. */
  sessions: z.union([z.literal("*"), z.array(conversationId).max(SESSIONS_MAX)]).default([]),
  /** Calls of a tool in one window, where not `mcpToolCallsMax`. */
  toolCallsMax: z.partialRecord(mcpTool, z.int().min(0).max(1_000_000)).default({}),
});
export type McpAccess = z.infer<typeof mcpAccess>;
