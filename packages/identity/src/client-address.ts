import { BlockList, isIP } from "node:net";

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
/** `1.2.3.4:5678` and `[::1]:5678`, as some proxies write it. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([^\]]+)\](?::\d+)?)$/;
/** Hops that are looked at: a caller can make the header as long as the server takes headers. */
const HOPS_MAX = 32;

const familyOf = (address: string): "ipv4" | "ipv6" => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** IPv4 in its own form, also where a socket of both kinds reports it as IPv6; without port and zone. Null where it is no address. */
function plainAddress(text: string): string | null {
  const written = text.trim();
  const withPort = WITH_PORT.exec(written);
  const bare = (withPort?.[1] ?? withPort?.[2] ?? written).split("%", 1)[0] ?? "";
  const address = MAPPED.exec(bare)?.[1] ?? bare;
  return isIP(address) === 0 ? null : address.toLowerCase();
}

/** Whether the text is an address, or a network such as `10.0.0.0/8`. */
export function isNetwork(text: string): boolean {
  const [address = "", bits] = text.split("/", 2);
  const family = isIP(address);
  if (family === 0 || text.split("/").length > 2) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** The networks as one list. Each must be a network. */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/", 2);
    if (bits === undefined) list.addAddress(address, familyOf(address));
    else list.addSubnet(address, Number(bits), familyOf(address));
  }
  return list;
}

interface Hops {
  /** The other end of the connection. */
  peer: string | undefined;
  /** The `X-Forwarded-For` header, as sent. */
  forwardedFor: string | string[] | undefined;
}

/**
 * Where a request comes from. Each trusted proxy vouches for the hop before it, so the header is read from its end, and the first hop
 * that is no proxy of ours is the caller: what stands further left anybody could have written.
 */
export function clientAddress({ peer, forwardedFor }: Hops, trusted: BlockList | null): string {
  let address = plainAddress(peer ?? "") ?? "unknown";
  if (trusted === null || forwardedFor === undefined) return address;
  const isTrusted = (hop: string): boolean => isIP(hop) !== 0 && trusted.check(hop, familyOf(hop));
  const header = typeof forwardedFor === "string" ? forwardedFor : forwardedFor.join(",");
  const hops = header.split(",").slice(-HOPS_MAX);
  while (isTrusted(address)) {
    const before = plainAddress(hops.pop() ?? "");
    if (before === null) break;
    address = before;
  }
  return address;
}

/** What one caller's addresses have in common: whoever has one IPv6 address has the 2^64 of its network. */
export function addressKey(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.split("::", 2);
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after].slice(0, 4);
  return groups.map((group) => group.replace(/^0+(?=.)/, "")).join(":");
}
