import type { Session } from "@parley/contracts";
import type { KeyRecord } from "./key-store.ts";

/** A session as the authenticator sees it; `id` is that of its principal. */
export interface SessionRecord extends KeyRecord {
  sessionId: string;
}

export interface MakeSession {
  id: string;
  organizationId: string;
  principalId: string;
  /** SHA-256 of the token, hex. */
  hash: string;
  name: string;
  scopes: string[];
  agentIds: string[] | null;
  idleSeconds: number;
  /** ISO 8601. */
  expiresAt: string;
}

export interface SessionStore {
  /** And notes that its owner came. */
  findByHash(hash: string): Promise<SessionRecord | null>;
  /** Of its principal's, `perPrincipalMax` are kept: those that are over go first, then the oldest. */
  create(session: MakeSession, perPrincipalMax: number): Promise<Session>;
  /** Those that are not over, newest first; of everyone where the principal is null. */
  list(organizationId: string, principalId: string | null): Promise<Session[]>;
  /** The ended session's hash, or null where there is none. */
  revoke(organizationId: string, session: { id: string; principalId: string | null }): Promise<string | null>;
}
