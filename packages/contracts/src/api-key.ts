import { z } from "zod";
import { agentId, keyId } from "./ids.ts";
import { type McpAccess, mcpAccess } from "./mcp.ts";
import { momentDate } from "./moment.ts";

/** What a credential may do. An empty list grants nothing. */
export const SCOPES = [
  "conversations:read",
  "conversations:write",
  "agents:read",
  "agents:write",
  "approvals",
  "admin",
  /** The OpenAI-compatible routes. */
  "api",
  /** The same, and JSON-RPC, the dashboard's REST and events, and media. */
  "rpc",
] as const;
/** Any right but `mcp-client`. */
export const EVERY_SCOPE = "*";
/** The MCP server's tools and nothing else: a credential that has it has no other scope. */
export const MCP_SCOPE = "mcp-client";
export const scope = z.enum([...SCOPES, EVERY_SCOPE, MCP_SCOPE]);
export type Scope = z.infer<typeof scope>;

/** Whether these rights hold the wanted one. */
export const grants = (held: ReadonlySet<Scope>, wanted: Scope): boolean =>
  held.has(wanted) || (held.has(EVERY_SCOPE) && wanted !== MCP_SCOPE);

export const createKeyInput = z.object({
  name: z.string().trim().min(1).max(120),
  scopes: z.array(scope).max(SCOPES.length),
  /** Absent: every agent of the organization. */
  agentIds: z.array(agentId).min(1).max(200).optional(),
  expiresAt: momentDate.optional(),
  /** Only with the scope `mcp-client`, which without it may do nothing. */
  mcp: mcpAccess.optional(),
});
export type CreateKey = z.infer<typeof createKeyInput>;

/** How long a rotated key's old secret may stay good. */
const KEY_OVERLAP_SECONDS_MAX = 2_592_000;

export const rotateKeyInput = z.object({
  keyId,
  /** How long the old secret stays good; 0: not at all. */
  overlapSeconds: z.number().int().min(0).max(KEY_OVERLAP_SECONDS_MAX).default(3_600),
});
export type RotateKey = z.infer<typeof rotateKeyInput>;

export interface ApiKey {
  id: string;
  organizationId: string;
  name: string;
  /** The first characters of the key, to recognise it by. */
  prefix: string;
  scopes: Scope[];
  agentIds: string[] | null;
  expiresAt: string | null;
  revokedAt: string | null;
  createdAt: string;
  mcp: McpAccess | null;
}

/** The only time the key itself is shown; null where a call is repeated. */
export interface NewApiKey extends ApiKey {
  apiKey: string | null;
}

/** A key with another secret. */
export interface RotatedKey extends NewApiKey {
  /** Until when the old secret is good, ISO 8601. */
  previousUntil: string;
}
