import type { ApiKey, McpAccess, Page, PageQuery, Scope } from "@parley/contracts";

/** A key as the authenticator sees it. */
export interface KeyRecord {
  id: string;
  organizationId: string;
  /** SHA-256 of the key, hex. */
  hash: string;
  scopes: Scope[];
  agentIds: string[] | null;
  mcp?: McpAccess | null;
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface KeyRotation {
  keyId: string;
  hash: string;
  prefix: string;
  overlapSeconds: number;
}

export interface KeyStore {
  findByHash(hash: string): Promise<KeyRecord | null>;
  create(key: Omit<ApiKey, "createdAt" | "revokedAt"> & { hash: string }): Promise<ApiKey>;
  /** Oldest first. */
  list(organizationId: string, page: PageQuery): Promise<Page<ApiKey>>;
  /** Null where there is no such key, or a revoked one. */
  find(organizationId: string, keyId: string): Promise<ApiKey | null>;
  /** Gives the key another secret; the old one is good until then. Answers the old one's hash besides; null as in `find`. */
  rotate(organizationId: string, rotation: KeyRotation): Promise<{ key: ApiKey; previousHash: string; previousUntil: string } | null>;
  /** The revoked key's hash, or null when there was no such key. */
  revoke(organizationId: string, keyId: string): Promise<string | null>;
}

export interface OrganizationStore {
  create(organization: { id: string; name: string }): Promise<void>;
  /** The same where there may be one with that id; it stays as it is then. */
  ensure(organization: { id: string; name: string }): Promise<void>;
  exists(organizationId: string): Promise<boolean>;
}
