import { GatewayError } from "@parley/contracts";
import { Agent, type Dispatcher } from "undici";
import { boundDecoded } from "./bound-decoded.ts";
import { checkAddress, checkUrl } from "./check-address.ts";
import { dispatchFetch } from "./dispatch-fetch.ts";
import { toEgressError } from "./egress-error.ts";
import { createGuardedConnector, type Lookup, systemLookup } from "./guarded-connector.ts";
import { type Hop, nextHop } from "./hop.ts";
import { openRaw, type RawRequest, type RawResponse } from "./open-raw.ts";
import { type EgressSocket, openSocket, type SocketRequest } from "./open-socket.ts";
import { outgoingBody } from "./outgoing-body.ts";
import type { Scrubber } from "./scrubber.ts";
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
  /** Is told the secret that is attached, so that it can be taken out of what comes back. */
  shown?: Scrubber | undefined;
}

export type EgressFetch = (input: string | URL | Request, init?: EgressInit) => Promise<Response>;

export interface Egress {
  /**
   * `fetch` with our bounds; of the init it takes method, headers, body, signal and redirect. Throws `egress_refused` (will never work), `egress_failed` (may work later) or, once aborted,
   * the signal's reason. What reading the body throws is translated by `toEgressError`. Redirects are followed at most
   * three times, each checked like a first request. A large body that nobody wants must be cancelled, as it holds its connection.
   */
  fetch: EgressFetch;
  /**
   * The same for what is only passed on, with as little between the caller and the socket as can be: plain headers, no redirects, bytes. Throws as
   * `fetch` does.
   */
  open(request: RawRequest): Promise<RawResponse>;
  /** A WebSocket, bounded like the rest; refused and failed as `fetch` is. It is not closed by `close`, but by its signal. */
  socket(request: SocketRequest): Promise<EgressSocket>;
  /** Throws `egress_refused` for an address that would be refused now. A name that is not known now passes. */
  check(address: string): Promise<void>;
  /** The guarded connections themselves, for WebSockets and SDKs that take a dispatcher. Secrets are not attached here. */
  dispatcher: Dispatcher;
  /** Cuts what is still under way and closes every connection. */
  close(): Promise<void>;
}

const firstHop = async (input: string | URL | Request, init: RequestInit): Promise<Hop> => {
  const request = typeof input === "object" && "url" in input ? input : null;
  const address = request?.url ?? String(input);
  if (!URL.canParse(address)) throw new GatewayError("egress_refused", { detail: "the address is malformed" });
  const headers = new Headers(init.headers ?? request?.headers);
  // The host header would choose the TLS name and the virtual host apart from the address that is checked.
  headers.delete("host");
  // Token streams must not sit in a compressor's buffer.
  headers.set("accept-encoding", "identity");
  if (!headers.has("accept")) headers.set("accept", "*/*");
  if (!headers.has("user-agent")) headers.set("user-agent", "parley");
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  const body = await outgoingBody(init.body ?? request?.body, headers);
  return { url: new URL(address), method, headers, body, home: true };
};

/** The one way out of the gateway: every outbound connection goes to a checked address within its bounds. */
export const createEgress = (options: EgressOptions = {}): Egress => {
  const allow: ReadonlySet<string> = new Set(options.allow?.map((entry) => entry.toLowerCase()));
  const secretFor = createSecrets(options.secrets ?? [], allow);
  const responseBytesMax = options.responseBytesMax ?? 67_108_864;
  const lookup = options.lookup ?? systemLookup;
  const connector = createGuardedConnector({ allow, lookup, connectTimeoutMs: options.connectTimeoutMs ?? 10_000 });
  const dispatcher = new Agent({
    connect: connector,
    connections: options.connectionsPerHostMax ?? 1_024,
    pipelining: 1,
    allowH2: false,
    headersTimeout: options.headersTimeoutMs ?? 120_000,
    bodyTimeout: options.idleTimeoutMs ?? 120_000,
    maxResponseSize: responseBytesMax,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  });

  const send = async (hop: Hop, signal: AbortSignal | null, { secret, shown }: EgressInit): Promise<Response> => {
    checkUrl(hop.url);
    const headers = new Headers(hop.headers);
    if (secret !== undefined && hop.home) {
      const header = secretFor(secret, hop.url);
      headers.set(header.name, header.value);
      shown?.add(header.secret);
    }
    try {
      return boundDecoded(await dispatchFetch(dispatcher, { ...hop, headers, signal }), responseBytesMax);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw toEgressError(error, hop.url.origin);
    }
  };

  const egressFetch: EgressFetch = async (input, init = {}) => {
    const signal = init.signal ?? (typeof input === "object" && "url" in input ? input.signal : null);
    let hop = await firstHop(input, init);
    for (let redirects = 0; ; redirects += 1) {
      const response = await send(hop, signal, init);
      const next = init.redirect === "manual" ? null : nextHop(hop, response);
      if (next === null) return response;
      await response.body?.cancel();
      if (init.redirect === "error") throw new GatewayError("egress_refused", { detail: `${hop.url.origin} redirects` });
      if (redirects === REDIRECTS_MAX) throw new GatewayError("egress_refused", { detail: `${hop.url.origin} redirects once too often` });
      hop = next;
    }
  };

  const open = async ({ secret, ...request }: RawRequest): Promise<RawResponse> => {
    checkUrl(request.url);
    const headers: Record<string, string> = { accept: "*/*", "user-agent": "parley", ...request.headers, "accept-encoding": "identity" };
    if (secret !== undefined) {
      const header = secretFor(secret, request.url);
      headers[header.name] = header.value;
    }
    return openRaw(dispatcher, { ...request, headers }, responseBytesMax);
  };

  const secretOf = (name: string, url: URL): string => secretFor(name, url).secret;
  const socket = async (request: SocketRequest): Promise<EgressSocket> => {
    checkUrl(request.url);
    return openSocket({ connector, secretOf }, request);
  };

  const check = (address: string): Promise<void> => checkAddress(address, { allow, lookup });

  return { fetch: egressFetch, open, socket, check, dispatcher, close: () => dispatcher.destroy() };
};
