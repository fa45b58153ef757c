import ipaddr from "ipaddr.js";

/** Azure answers instance secrets on this public-looking address. */
const PLATFORM_ADDRESSES = new Set(["168.63.129.16"]);
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an IP address is an ordinary one of the public internet. Everything else is not: loopback, private, link-local
 * (cloud metadata), carrier-grade NAT, multicast, unspecified, documentation, tunnels, and what is no address at all.
 * An IPv4 address inside an IPv6 one (mapped, or NAT64) is judged as the IPv4 address it leads to.
 */
export const isPublicAddress = (text: string): boolean => {
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  if (address instanceof ipaddr.IPv4) return address.range() === "unicast" && !PLATFORM_ADDRESSES.has(address.toString());
  if (address.range() === "rfc6052") return isPublicAddress(address.toByteArray().slice(12).join("."));
  return address.range() === "unicast" && address.match(GLOBAL_UNICAST);
};
