import type { McpTool } from "@parley/contracts";
import type { Repeating, RouteRow } from "./routes/route-row.ts";

/** What must be known of a tool of the MCP server: the same facts as of any other route. Its scope is always `mcp-client`. */
export type McpRow = Pick<RouteRow, "tenant" | "metering" | "rateLimit"> & Repeating;

const read = { mutating: false, idempotency: "natural", metering: "none", rateLimit: "read" } as const;

/** Every tool that a key may be given; none is for everyone. */
export const MCP_TOOL_ROWS: Record<McpTool, McpRow> = {
  agents_list: { ...read, tenant: "organization" },
  agent_ask: { mutating: true, idempotency: "key", metering: "turn", rateLimit: "turn", tenant: "agent" },
  sessions_list: { ...read, tenant: "organization" },
  sessions_history: { ...read, tenant: "conversation" },
  session_search: { ...read, tenant: "organization" },
  session_status: { ...read, tenant: "conversation" },
  memory_search: { ...read, tenant: "organization" },
};
