import { isIP } from "node:net";
import { GatewayError } from "@parley/contracts";
import { isPublicAddress } from "./address.ts";
import type { Lookup } from "./guarded-connector.ts";
import { hostPort } from "./host-port.ts";

const refused = (detail: string): GatewayError => new GatewayError("egress_refused", { detail });

/** Refuses what no address may have, wherever it leads: `egress_refused`. */
export function checkUrl(url: URL): void {
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refused(`the scheme ${url.protocol} is not allowed`);
  if (url.username !== "" || url.password !== "") throw refused(`the address at ${url.host} carries credentials`);
}

/**
 * Refuses what a connection would be refused for, before there is one: `egress_refused`. A name that cannot be resolved now passes, as it may be
 * known later; the connection itself is checked again.
 */
export async function checkAddress(address: string, { allow, lookup }: { allow: ReadonlySet<string>; lookup: Lookup }): Promise<void> {
  if (!URL.canParse(address)) throw refused("the address is malformed");
  const url = new URL(address);
  checkUrl(url);
  if (allow.has(hostPort(url))) return;
  const bare = url.hostname.replace(/^\[|\]$/g, "");
  const found = isIP(bare) === 0 ? await lookup(bare).catch(() => []) : [{ address: bare }];
  if (found.some((one) => !isPublicAddress(one.address))) throw refused(`${url.host} is not public and not allow-listed`);
}
