import type { McpAccess, Scope } from "@parley/contracts";

/** Who is calling and what they may do. Made by `authenticate`, never by a door. */
export interface Caller {
  organizationId: string;
  /** Stable id of the credential's owner: idempotency keys and limits are scoped to it. */
  principalId: string;
  scopes: ReadonlySet<Scope>;
  /** The agents this credential may use; null means all of the organization's. */
  agentIds: ReadonlySet<string> | null;
  /** What it may do over MCP; absent: nothing. */
  mcp?: McpAccess;
  /** When the credential ends by itself, ms since 1970, where it is not known to a store: no session made with it lasts longer. */
  goodUntilMs?: number;
}

export const mayUseAgent = (caller: Caller, agentId: string): boolean => caller.agentIds === null || caller.agentIds.has(agentId);
