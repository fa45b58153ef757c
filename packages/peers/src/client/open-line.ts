import type { AgentCard } from "@a2a-js/sdk";
import { JsonRpcTransportFactory, RestTransportFactory, type Transport } from "@a2a-js/sdk/client";
import type { PeerTarget } from "@parley/domain";
import type { EgressFetch } from "@parley/egress";
import { type Credentials, forgetToken } from "../find-credential.ts";
import { shownTo } from "../shown-to.ts";
import { authorize } from "./authorize.ts";
import type { Exchange } from "./exchange.ts";
import type { PeerInterface, ReadCard } from "./read-card.ts";
import { tolerantFetch } from "./tolerant-fetch.ts";

/** A way to one peer, for one call. */
export interface Line {
  transport: Transport;
  exchange: Exchange;
  /** Which version is spoken, as each request says. */
  serviceParameters: Record<string, string>;
  version: PeerInterface["version"];
}

interface LinePorts {
  fetch: EgressFetch;
  credentials: Credentials;
  bytesMax: number;
}

/** Without a card, or with one that names no way that we speak. */
const PLAIN: PeerInterface = { path: null, binding: "JSONRPC", version: "0.3" };

/**
 * The SDK's transport for what the card prefers, over our own way out. The card chooses binding, version and path; the place is the endpoint's, so
 * that no card sends our words and credentials elsewhere.
 */
export async function openLine({ fetch, credentials, bytesMax }: LinePorts, target: PeerTarget, card: ReadCard | null): Promise<Line> {
  const way = card?.way ?? PLAIN;
  const url = addressOf(target.endpoint, way);
  const exchange: Exchange = { bytesLeft: bytesMax, refusal: null };
  const isLegacy = way.version === "0.3" && way.binding === "JSONRPC";
  const fetchImpl = tolerantFetch({
    fetch,
    exchange,
    isLegacy,
    shown: shownTo(target),
    onUnauthorized: () => forgetToken(credentials, target),
    authorize: (address, body, signal) =>
      authorize(credentials, target, { url: address, body, signal: signal ?? new AbortController().signal }),
  });
  const options = { fetchImpl, legacyCompat: { enabled: true } };
  const factory = way.binding === "JSONRPC" ? new JsonRpcTransportFactory(options) : new RestTransportFactory(options);
  const transport = await factory.create(url, cardWith(url, way));
  return { transport, exchange, version: way.version, serviceParameters: { "A2A-Version": way.version } };
}

function addressOf(endpoint: string, { path, binding }: PeerInterface): string {
  // Joined as text: relative to the endpoint, a path that begins with two slashes would name a host.
  if (path !== null && path !== "/") return new URL(endpoint).origin + path;
  const base = endpoint.replace(/[?#].*$/, "").replace(/\/+$/, "");
  return binding === "JSONRPC" ? `${base}/` : base;
}

/** The factories look at nothing of a card but its interfaces. */
const cardWith = (url: string, { binding, version }: PeerInterface): AgentCard => ({
  name: "",
  description: "",
  version: "",
  supportedInterfaces: [{ url, protocolBinding: binding, protocolVersion: version, tenant: "" }],
  provider: undefined,
  capabilities: undefined,
  securitySchemes: {},
  securityRequirements: [],
  defaultInputModes: [],
  defaultOutputModes: [],
  skills: [],
  signatures: [],
});
