import { GatewayError, type McpAccess, type Scope } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { hashApiKey, isApiKey } from "./api-key.ts";

/** What must be known of a stored key to let its holder in. */
export interface KeyRecord {
  id: string;
  organizationId: string;
  scopes: readonly Scope[];
  agentIds: readonly string[] | null;
  mcp?: McpAccess | null;
  /** ISO 8601. */
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface AuthenticatorOptions {
  /** Whether a credential looks like one of this kind; anything else is refused without asking the store. Default: a key. */
  isOurs?(credential: string): boolean;
  /** Reads a key by its SHA-256, in hex; null where there is none. */
  findKeyByHash(hash: string): Promise<KeyRecord | null>;
  /** ms since 1970. */
  now(): number;
  /** Calls back with a key's hash as soon as this process learns that it was revoked. */
  onRevoked?(listener: (hash: string) => void): void;
  /** How long an answer of the store is believed. */
  cacheMs?: number;
  /** How long the store's "no such key" is believed. */
  absentMs?: number;
  entriesMax?: number;
}

/** With the streams' own check every 2 s, a revocation made anywhere reaches every open stream within 5 s. */
const CACHE_MS = 2_500;
const ABSENT_MS = 1_000;
const ENTRIES_MAX = 10_000;

interface Entry {
  /** Null where there is no such key. */
  caller: Caller | null;
  /** From here on the key is no longer good, whatever the cache believes. */
  goodUntilMs: number;
  freshUntilMs: number;
}

const callerOf = (key: KeyRecord): Caller => ({
  organizationId: key.organizationId,
  principalId: key.id,
  scopes: new Set(key.scopes),
  agentIds: key.agentIds && new Set(key.agentIds),
  ...(key.mcp && { mcp: key.mcp }),
});

const goodUntil = ({ expiresAt, revokedAt }: KeyRecord): number =>
  Math.min(...[expiresAt, revokedAt].map((at) => (at === null ? Number.POSITIVE_INFINITY : Date.parse(at))));

export interface Authenticator {
  authenticate(credential: string): Promise<Caller>;
  /** Whether this process has seen the credential to be good not long ago. */
  knows(credential: string): boolean;
}

/**
 * Turns a key into its caller, or throws `unauthenticated`: for a malformed, unknown, expired and revoked key alike.
 * Answers are kept for a short while, misses are read once however many wait, and expiry is checked on each use.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { isOurs = isApiKey, findKeyByHash, now, onRevoked, cacheMs = CACHE_MS, absentMs = ABSENT_MS, entriesMax = ENTRIES_MAX } = options;
  const entries = new Map<string, Entry>();
  const reads = new Map<string, Promise<Entry>>();
  let revocations = 0;

  onRevoked?.((hash) => {
    revocations++;
    entries.delete(hash);
  });

  /** The map keeps the order of use: the first is the one that was not used for longest. */
  function keep(hash: string, entry: Entry): void {
    entries.delete(hash);
    entries.set(hash, entry);
    const oldest = entries.size > entriesMax ? entries.keys().next().value : undefined;
    if (oldest !== undefined) entries.delete(oldest);
  }

  async function read(hash: string): Promise<Entry> {
    const atStart = revocations;
    const key = await findKeyByHash(hash);
    const entry: Entry = {
      caller: key && callerOf(key),
      goodUntilMs: key ? goodUntil(key) : 0,
      freshUntilMs: now() + (key ? cacheMs : absentMs),
    };
    // What was read before a revocation may already be wrong: it serves who waits for it and is not kept.
    if (revocations === atStart) keep(hash, entry);
    return entry;
  }

  function readOnce(hash: string): Promise<Entry> {
    const running = reads.get(hash);
    if (running) return running;
    const reading = read(hash).finally(() => reads.delete(hash));
    reads.set(hash, reading);
    return reading;
  }

  return {
    async authenticate(credential) {
      if (!isOurs(credential)) throw new GatewayError("unauthenticated");
      const hash = hashApiKey(credential);
      let entry = entries.get(hash);
      if (!entry || entry.freshUntilMs <= now()) entry = await readOnce(hash);
      else keep(hash, entry);
      if (!entry.caller || entry.goodUntilMs <= now()) throw new GatewayError("unauthenticated");
      return entry.caller;
    },
    knows: (credential) => isOurs(credential) && (entries.get(hashApiKey(credential))?.caller ?? null) !== null,
  };
}
