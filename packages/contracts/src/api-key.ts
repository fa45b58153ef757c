import { z } from "zod";
import { agentId } from "./ids.ts";

/** What a credential may do. An empty list grants nothing. */
export const SCOPES = ["conversations:read", "conversations:write", "agents:read", "agents:write", "approvals", "admin"] as const;
export const scope = z.enum(SCOPES);
export type Scope = z.infer<typeof scope>;

export const createKeyInput = z.object({
  name: z.string().trim().min(1).max(120),
  scopes: z.array(scope).max(SCOPES.length),
  /** Absent: every agent of the organization. */
  agentIds: z.array(agentId).min(1).max(200).optional(),
  expiresAt: z.coerce.date().optional(),
});
export type CreateKey = z.infer<typeof createKeyInput>;

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
}

/** The only time the key itself is shown; null where a call is repeated. */
export interface NewApiKey extends ApiKey {
  apiKey: string | null;
}
