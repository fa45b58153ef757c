import { createHash } from "node:crypto";
import { GatewayError, MCP_SCOPE, organizationId as organizationIdSchema, type Scope } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from "jose";
import type { Authenticator } from "../authenticator.ts";
import type { JwtRules } from "./jwt-settings.ts";

interface JwtOptions {
  rules: JwtRules;
  /** Fetches the issuer's keys: the way out, with its bounds. */
  fetch(url: string, init: { headers: Headers; method: "GET"; redirect: "manual"; signal: AbortSignal }): Promise<Response>;
  organizationExists(id: string): Promise<boolean>;
  /** How long fetched keys are believed. A key that is not among them is looked for again, but not more often than `lookAgainMs`. */
  keysMs?: number;
  lookAgainMs?: number;
}

const KEYS_MS = 300_000;
const LOOK_AGAIN_MS = 10_000;
const FETCH_MS = 5_000;
/** How long a token that was found good is believed; its end is looked at each time. */
const CACHE_MS = 30_000;
const ENTRIES_MAX = 10_000;
const SUBJECT_CHARS_MAX = 200;

const SHAPE = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Whether a credential looks like a JWT, signed or not. */
export const isJwt = (credential: string): boolean => SHAPE.test(credential);

interface Entry {
  caller: Caller;
  freshUntilMs: number;
}

function wordsOf(claim: unknown): string[] {
  if (typeof claim === "string") return claim.split(" ").filter((word) => word !== "");
  return Array.isArray(claim) ? claim.filter((word): word is string => typeof word === "string") : [];
}

/**
 * Callers by tokens of the one issuer that is trusted: signed with a key that it publishes, by an algorithm of the list, for this audience,
 * and not over. Throws `unauthenticated` for any other, and `storage_unavailable` where the keys cannot be had.
 */
export function createJwtAuthenticator(options: JwtOptions): Authenticator {
  const { rules, fetch, organizationExists, keysMs = KEYS_MS, lookAgainMs = LOOK_AGAIN_MS } = options;
  const entries = new Map<string, Entry>();
  const keys = createRemoteJWKSet(new URL(rules.jwksUrl), {
    cacheMaxAge: keysMs,
    cooldownDuration: lookAgainMs,
    timeoutDuration: FETCH_MS,
    [customFetch]: fetch,
  });

  async function verified(token: string): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: [...rules.algorithms],
        issuer: rules.issuer,
        audience: [...rules.audience],
        clockTolerance: rules.clockToleranceSeconds,
        requiredClaims: ["exp", "sub"],
      });
      return payload;
    } catch (error) {
      if (isRefusal(error)) throw new GatewayError("unauthenticated", { cause: error });
      throw new GatewayError("storage_unavailable", { cause: error, detail: "the issuer's keys cannot be had", retryAfterSeconds: 5 });
    }
  }

  async function callerOf(payload: JWTPayload): Promise<Caller> {
    const { sub = "", exp = 0 } = payload;
    const organization = organizationIdSchema.safeParse(rules.organizationId ?? payload[rules.organizationClaim]);
    const scopes = new Set<Scope>(wordsOf(payload[rules.scopeClaim]).flatMap((word) => rules.scopesFor(word)));
    const mixed = scopes.has(MCP_SCOPE) && scopes.size > 1;
    if (!organization.success || mixed || sub === "" || sub.length > SUBJECT_CHARS_MAX) throw new GatewayError("unauthenticated");
    if (!(await organizationExists(organization.data))) throw new GatewayError("unauthenticated");
    return {
      organizationId: organization.data,
      principalId: `sub:${sub}`,
      scopes,
      agentIds: null,
      goodUntilMs: (exp + rules.clockToleranceSeconds) * 1_000,
    };
  }

  function keep(hash: string, caller: Caller): void {
    entries.delete(hash);
    entries.set(hash, { caller, freshUntilMs: Date.now() + CACHE_MS });
    const oldest = entries.size > ENTRIES_MAX ? entries.keys().next().value : undefined;
    if (oldest !== undefined) entries.delete(oldest);
  }

  const hashOf = (token: string): string => createHash("sha256").update(token).digest("base64url");

  return {
    async authenticate(token) {
      const hash = hashOf(token);
      const known = entries.get(hash);
      const isFresh = known !== undefined && known.freshUntilMs > Date.now();
      const caller = isFresh ? known.caller : await callerOf(await verified(token));
      if (!isFresh) keep(hash, caller);
      if ((caller.goodUntilMs ?? 0) <= Date.now()) throw new GatewayError("unauthenticated");
      return caller;
    },
    knows: (token) => entries.has(hashOf(token)),
  };
}

/** What says that the token is bad, and not that its keys could not be looked at. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false;
  return !(error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || error.code === "ERR_JOSE_GENERIC");
}
