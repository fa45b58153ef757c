import { createHash } from "node:crypto";
import { GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { type EgressFetch, hostPort } from "@parley/egress";
import type { DidFacts, DidIdentity } from "../did/did-identity.ts";
import type { HydraFacts } from "./hydra-settings.ts";
import type { ClientCredentials, TokenProvider } from "./token-provider.ts";

export interface Hydra {
  /** Makes the gateway known there, again and again until it is or the gateway closes; throws nothing. */
  register(closing: AbortSignal): Promise<void>;
  /** True until it is known there: tokens may not be had. */
  isDegraded(): boolean;
  /** A token to be shown at that address. Throws `egress_refused` where tokens of ours may not go there, and as `TokenProvider` does. */
  token(peer: URL, signal: AbortSignal): Promise<string>;
  /** The token was refused where it was shown: the next one is new. */
  forget(): void;
}

interface HydraOptions {
  facts: HydraFacts;
  seed: DidFacts["seed"];
  identity: Pick<DidIdentity, "did" | "publicKey">;
  fetch: EgressFetch;
  tokens: TokenProvider;
  log: Log;
  now: () => number;
  /** Between two tries to become known. Default 15 s. */
  againMs?: number;
}

const AGAIN_MS = 15_000;
const ALIVE_MS = 3_000;
const CALL_MS = 10_000;
/** Keeps the client's secret apart from whatever else may be made of the seed. */
const SECRET_SALT = "bindu-gateway-hydra-client-secret/v1";

/** The same on every replica and at every start, so that nothing has to be kept. */
const clientSecret = (seed: Uint8Array): string => createHash("sha256").update(seed).update(SECRET_SALT).digest("base64url");

/** The gateway as a client of an Ory Hydra, under its DID. */
export function createHydra(options: HydraOptions): Hydra {
  const { facts, identity, seed, fetch, tokens, log, againMs = AGAIN_MS } = options;
  const hosts = new Set(facts.hosts);
  const credentials: ClientCredentials = {
    tokenUrl: facts.tokenUrl,
    clientId: identity.did,
    clientSecret: clientSecret(seed),
    scope: facts.scope,
  };
  let isDegraded = true;

  /** Any answer at all says that it is alive. Statuses are all that is read of what it says. */
  async function status(
    path: string,
    { ms, ...init }: { ms: number; method: string; body?: string; closing: AbortSignal },
  ): Promise<number> {
    const { closing, ...rest } = init;
    const signal = AbortSignal.any([closing, AbortSignal.timeout(ms)]);
    const headers = { "content-type": "application/json", accept: "application/json" };
    const response = await fetch(`${facts.adminUrl}${path}`, { ...rest, headers, redirect: "error", signal });
    await response.body?.cancel();
    return response.status;
  }

  async function tryOnce(closing: AbortSignal): Promise<void> {
    await status("/health/alive", { method: "GET", ms: ALIVE_MS, closing });
    const known = await status(`/admin/clients/${encodeURIComponent(identity.did)}`, { method: "GET", ms: CALL_MS, closing });
    if (known === 200) return;
    if (known !== 404) throw new GatewayError("egress_failed", { detail: `Hydra answers ${known} about our client` });
    const body = JSON.stringify(clientOf(options, credentials));
    const made = await status("/admin/clients", { method: "POST", ms: CALL_MS, body, closing });
    // 409: another replica was first.
    if (made !== 200 && made !== 201 && made !== 409)
      throw new GatewayError("egress_failed", { detail: `Hydra answers ${made} to our registration` });
  }

  return {
    async register(closing) {
      while (!closing.aborted) {
        try {
          await tryOnce(closing);
          isDegraded = false;
          return;
        } catch (error) {
          if (closing.aborted) return;
          log.warn({ err: error }, "not known to Hydra yet: peers that want its tokens cannot be called");
        }
        await pause(againMs, closing);
      }
    },
    isDegraded: () => isDegraded,
    token(peer, signal) {
      const host = hostPort(peer);
      if (!hosts.has(host))
        return Promise.reject(new GatewayError("egress_refused", { detail: `tokens of ours may not go to ${host}: HYDRA_HOSTS` }));
      return tokens.token(credentials, signal);
    },
    forget: () => tokens.forget(credentials),
  };
}

function clientOf({ facts, identity, now }: HydraOptions, credentials: ClientCredentials): object {
  return {
    client_id: credentials.clientId,
    client_secret: credentials.clientSecret,
    client_name: identity.did,
    grant_types: ["client_credentials"],
    response_types: ["code", "token"],
    scope: facts.scope,
    token_endpoint_auth_method: "client_secret_post",
    metadata: {
      did: identity.did,
      public_key: identity.publicKey,
      key_type: "Ed25519",
      verification_method: "Ed25519VerificationKey2020",
      hybrid_auth: true,
      registered_at: new Date(now()).toISOString(),
    },
  };
}

function pause(ms: number, closing: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  closing.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
