import { GatewayError } from "@parley/contracts";
import { type EgressFetch, hostPort } from "@parley/egress";
import { z } from "zod";
import { parseJson } from "../json-shape.ts";
import { orAborted } from "../or-aborted.ts";
import { readBounded } from "../read-bounded.ts";

/** Who asks for a token, and what for. */
export interface ClientCredentials {
  tokenUrl: string;
  clientId: string;
  clientSecret: string;
  /** Empty: what the server gives by itself. */
  scope: string;
}

export interface TokenProvider {
  /**
   * A bearer token for these credentials: one that is kept, or a new one. Throws `egress_refused` where the server refuses the client, `egress_failed` where it gives no
   * answer, and the signal's reason once aborted; the fetch itself goes on for whoever else waits for it.
   */
  token(credentials: ClientCredentials, signal: AbortSignal): Promise<string>;
  /** The token was refused where it was shown: the next one is new. */
  forget(credentials: ClientCredentials): void;
}

/** A token that ends sooner may end on its way. */
const EARLY_MS = 30_000;
/** Where the server says nothing of a token's time. */
const LIFE_SECONDS = 300;
const FETCH_MS = 10_000;
const ANSWER_BYTES_MAX = 65_536;
const ENTRIES_MAX = 1_000;

const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  token_type: z.string().default("bearer"),
  expires_in: z.coerce.number().positive().max(31_536_000).default(LIFE_SECONDS),
});

interface Entry {
  answer: Promise<string>;
  freshUntilMs: number;
}

/** Tokens by client credentials: one fetch at a time for each, and none while the last one has more than 30 s left. */
export function createTokenProvider({ fetch }: { fetch: EgressFetch }): TokenProvider {
  const entries = new Map<string, Entry>();
  const nameOf = ({ tokenUrl, clientId, clientSecret, scope }: ClientCredentials) =>
    JSON.stringify([tokenUrl, clientId, clientSecret, scope]);

  function begin(name: string, credentials: ClientCredentials): Entry {
    const entry: Entry = { answer: Promise.resolve(""), freshUntilMs: Number.POSITIVE_INFINITY };
    entry.answer = fetchToken(fetch, credentials).then(
      ({ token, lifeMs }) => {
        entry.freshUntilMs = performance.now() + lifeMs - EARLY_MS;
        return token;
      },
      (error: unknown) => {
        if (entries.get(name) === entry) entries.delete(name);
        throw error;
      },
    );
    // Whoever waits has it; that nobody does is no fault.
    entry.answer.catch(() => {});
    entries.delete(name);
    entries.set(name, entry);
    const oldest = entries.size > ENTRIES_MAX ? entries.keys().next().value : undefined;
    if (oldest !== undefined) entries.delete(oldest);
    return entry;
  }

  return {
    async token(credentials, signal) {
      signal.throwIfAborted();
      const name = nameOf(credentials);
      const known = entries.get(name);
      const entry = known !== undefined && known.freshUntilMs > performance.now() ? known : begin(name, credentials);
      return orAborted(entry.answer, signal);
    },
    forget: (credentials) => void entries.delete(nameOf(credentials)),
  };
}

async function fetchToken(fetch: EgressFetch, credentials: ClientCredentials): Promise<{ token: string; lifeMs: number }> {
  const { tokenUrl, clientId, clientSecret, scope } = credentials;
  const where = URL.canParse(tokenUrl) ? hostPort(new URL(tokenUrl)) : "a malformed address";
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    ...(scope === "" ? {} : { scope }),
  });
  const headers = { "content-type": "application/x-www-form-urlencoded", accept: "application/json" };
  const signal = AbortSignal.timeout(FETCH_MS);
  const response = await fetch(tokenUrl, { method: "POST", headers, body: form.toString(), redirect: "error", signal }).catch(away(where));
  const answer = await readBounded(response, ANSWER_BYTES_MAX).catch((error: unknown) => (response.ok ? away(where)(error) : ""));
  if (!response.ok) {
    const isRefusal = response.status >= 400 && response.status < 500 && response.status !== 408 && response.status !== 429;
    throw new GatewayError(isRefusal ? "egress_refused" : "egress_failed", {
      detail: `${where} answers ${response.status} to a request for a token`,
    });
  }
  const parsed = tokenAnswer.safeParse(parseJson(answer));
  if (!parsed.success || parsed.data.token_type.toLowerCase() !== "bearer")
    throw new GatewayError("egress_failed", { detail: `${where} gives no bearer token` });
  return { token: parsed.data.access_token, lifeMs: parsed.data.expires_in * 1_000 };
}

/** Says where, and nothing of what was sent: it holds a secret. */
const away =
  (where: string) =>
  (error: unknown): never => {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError("egress_failed", { detail: `${where} gives no token that can be read in time` });
  };
