import { GatewayError } from "@parley/contracts";
import { Agent, type Dispatcher, FormData as UndiciFormData, type RequestInit as UndiciInit, fetch as undiciFetch } from "undici";
import { boundDecoded } from "./bound-decoded.ts";
import { toEgressError } from "./egress-error.ts";
import { createGuardedConnector, type Lookup, systemLookup } from "./guarded-connector.ts";
import { type Hop, nextHop } from "./hop.ts";
import { createSecrets, type EgressSecret } from "./secrets.ts";

const REDIRECTS_MAX = 3;
/** Longer than the pauses of a busy conversation, so that most model calls skip the TLS handshake; shorter than what load balancers cut. */
const KEEP_ALIVE_MS = 45_000;

export interface EgressOptions {
  /** Exact `host:port`s that may be called though private. Default none. */
  allow?: string[];
  secrets?: EgressSecret[];
  connectTimeoutMs?: number;
  headersTimeoutMs?: number;
  idleTimeoutMs?: number;
  responseBytesMax?: number;
  connectionsPerHostMax?: number;
  /** Replaces the system's resolver, for tests. */
  lookup?: Lookup;
}

export interface EgressInit extends RequestInit {
  /** The name of a secret to attach; the request is refused unless the secret is bound to its host. */
  secret?: string;
}

export type EgressFetch = (input: string | URL | Request, init?: EgressInit) => Promise<Response>;

export interface Egress {
  /**
   * `fetch` with our bounds. Throws `egress_refused` (will never work), `egress_failed` (may work later) or, once aborted,
   * the signal's reason. What reading the body throws is translated by `toEgressError`. Redirects are followed at most
   * three times, each checked like a first request.
   */
  fetch: EgressFetch;
  /** The guarded connections themselves, for WebSockets and SDKs that take a dispatcher. Secrets are not attached here. */
  dispatcher: Dispatcher;
  /** Cuts what is still under way and closes every connection. */
  close(): Promise<void>;
}

const firstHop = (input: string | URL | Request, init: RequestInit): Hop => {
  const request = typeof input === "object" && "url" in input ? input : null;
  const address = request?.url ?? String(input);
  if (!URL.canParse(address)) throw new GatewayError("egress_refused", { detail: "the address is malformed" });
  const headers = new Headers(init.headers ?? request?.headers);
  // The host header would choose the TLS name and the virtual host apart from the address that is checked.
  headers.delete("host");
  // Token streams must not sit in a compressor's buffer.
  if (!headers.has("accept-encoding")) headers.set("accept-encoding", "identity");
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  return { url: new URL(address), method, headers, body: init.body ?? request?.body, home: true };
};

const checkUrl = (url: URL): void => {
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new GatewayError("egress_refused", { detail: `the scheme ${url.protocol} is not allowed` });
  }
  if (url.username !== "" || url.password !== "") {
    throw new GatewayError("egress_refused", { detail: `the address at ${url.host} carries credentials` });
  }
};

/** The runtime's own FormData is a foreign class to the undici package, which would send it as text. */
const toUndiciBody = (body: Hop["body"]): UndiciInit["body"] => {
  if (!(body instanceof FormData)) return body as UndiciInit["body"];
  const form = new UndiciFormData();
  for (const [name, value] of body) form.append(name, value);
  return form;
};

/** The one way out of the gateway: every outbound connection goes to a checked address within its bounds. */
export const createEgress = (options: EgressOptions = {}): Egress => {
  const allow: ReadonlySet<string> = new Set(options.allow?.map((entry) => entry.toLowerCase()));
  const secretFor = createSecrets(options.secrets ?? [], allow);
  const responseBytesMax = options.responseBytesMax ?? 67_108_864;
  const dispatcher = new Agent({
    connect: createGuardedConnector({
      allow,
      lookup: options.lookup ?? systemLookup,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    }),
    connections: options.connectionsPerHostMax ?? 1_024,
    pipelining: 1,
    allowH2: false,
    headersTimeout: options.headersTimeoutMs ?? 120_000,
    bodyTimeout: options.idleTimeoutMs ?? 120_000,
    maxResponseSize: responseBytesMax,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });

  const send = async (hop: Hop, init: RequestInit, secret: string | undefined): Promise<Response> => {
    checkUrl(hop.url);
    const headers = new Headers(hop.headers);
    if (secret !== undefined && hop.home) {
      const header = secretFor(secret, hop.url);
      headers.set(header.name, header.value);
    }
    const request = {
      ...init,
      method: hop.method,
      headers: [...headers],
      body: toUndiciBody(hop.body),
      redirect: "manual",
      duplex: "half",
      dispatcher,
    } as UndiciInit;
    try {
      return boundDecoded((await undiciFetch(hop.url, request)) as unknown as Response, responseBytesMax);
    } catch (error) {
      if (init.signal?.aborted) throw init.signal.reason;
      throw toEgressError(error, hop.url.origin);
    }
  };

  const egressFetch: EgressFetch = async (input, { secret, ...given } = {}) => {
    const signal = given.signal ?? (typeof input === "object" && "url" in input ? input.signal : null);
    const init = { ...given, signal };
    let hop = firstHop(input, init);
    for (let redirects = 0; ; redirects += 1) {
      const response = await send(hop, init, secret);
      const next = init.redirect === "manual" ? null : nextHop(hop, response);
      if (next === null) return response;
      await response.body?.cancel();
      if (init.redirect === "error") throw new GatewayError("egress_refused", { detail: `${hop.url.origin} redirects` });
      if (redirects === REDIRECTS_MAX) throw new GatewayError("egress_refused", { detail: `${hop.url.origin} redirects once too often` });
      hop = next;
    }
  };

  return { fetch: egressFetch, dispatcher, close: () => dispatcher.destroy() };
};
