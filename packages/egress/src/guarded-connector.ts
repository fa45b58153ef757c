import { lookup as resolve } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { GatewayError } from "@parley/contracts";
import { buildConnector } from "undici";
import { isPublicAddress } from "./address.ts";
import { hostPort } from "./host-port.ts";

export interface ResolvedAddress {
  address: string;
  family: number;
}

/** All addresses of a name. Called once per new connection; its answer is checked and then used as it is. */
export type Lookup = (hostname: string) => Promise<ResolvedAddress[]>;

export const systemLookup: Lookup = (hostname) => resolve(hostname, { all: true });

interface GuardedConnectorOptions {
  allow: ReadonlySet<string>;
  lookup: Lookup;
  connectTimeoutMs: number;
}

const refused = (host: string, address: string) =>
  new GatewayError("egress_refused", { detail: `${host} leads to ${address}, which is not public and not allow-listed` });

/** One bad address refuses the whole name: a name that is partly private is an attack or a mistake. */
const guardedLookup =
  (lookup: Lookup): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname).then(
      (addresses) => {
        const bad = addresses.find(({ address }) => !isPublicAddress(address));
        const [first] = addresses;
        if (bad !== undefined) return callback(refused(hostname, bad.address), "");
        if (first === undefined) return callback(new GatewayError("egress_failed", { detail: `${hostname} has no address` }), "");
        if (options.all) return callback(null, addresses);
        callback(null, first.address, first.family);
      },
      (error: Error) => callback(error, ""),
    );
  };

/**
 * Opens connections to public addresses only, and to the exact `host:port`s that are allow-listed. The check sits in the
 * connection itself: the addresses that were checked are the ones that are dialled, so a name that changes its answer
 * (DNS rebinding) gains nothing, and no client of the dispatcher can go around it.
 */
export const createGuardedConnector = ({ allow, lookup, connectTimeoutMs }: GuardedConnectorOptions): buildConnector.connector => {
  // HTTP/1.1 only: one stream per socket, so that an abort closes exactly its own socket at once.
  const shared = { allowH2: false, timeout: connectTimeoutMs, keepAliveInitialDelay: 15_000 };
  const open = buildConnector(shared);
  const guarded = buildConnector({ ...shared, lookup: guardedLookup(lookup) });
  return (options, callback) => {
    const { hostname } = options;
    const bracketed = isIP(hostname) === 6 ? `[${hostname}]` : hostname;
    if (allow.has(hostPort({ protocol: options.protocol, hostname: bracketed, port: options.port }))) return open(options, callback);
    if (isIP(hostname) !== 0 && !isPublicAddress(hostname)) return callback(refused(hostname, hostname), null);
    guarded(options, callback);
  };
};
