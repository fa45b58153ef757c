import type { IncomingMessage } from "node:http";
import type { BlockList } from "node:net";
import { TLSSocket } from "node:tls";
import { clientAddress } from "@parley/identity";

/** Whether the caller's connection is encrypted: ours, or that to a proxy which we trust to say so. */
export function cameOverTls({ headers, socket }: IncomingMessage, trustedProxies: BlockList | null): boolean {
  if (socket instanceof TLSSocket) return true;
  if (trustedProxies === null || headers["x-forwarded-proto"] === undefined) return false;
  const peer = clientAddress({ peer: socket.remoteAddress, forwardedFor: undefined }, null);
  const isProxy = trustedProxies.check(peer, peer.includes(":") ? "ipv6" : "ipv4");
  return isProxy && String(headers["x-forwarded-proto"]).split(",").at(-1)?.trim() === "https";
}
