import { GatewayError } from "@parley/contracts";
import type { OutgoingBody } from "./dispatch-fetch.ts";

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308]);

/** What a foreign origin may learn of the first request; anything else could be a credential. */
const HARMLESS_HEADERS = new Set(["accept", "accept-encoding", "accept-language", "content-language", "content-type", "user-agent"]);

/** One request of a chain of redirects. */
export interface Hop {
  url: URL;
  method: string;
  headers: Headers;
  body: OutgoingBody;
  /** Whether the chain never left the origin it started at; a secret does not come back once it has. */
  home: boolean;
}

/** Where the response sends us, or null where it is no redirect. Throws `egress_refused` for one that cannot be followed safely. */
export const nextHop = (hop: Hop, response: { status: number; headers: { get(name: string): string | null } }): Hop | null => {
  const location = response.headers.get("location");
  if (!REDIRECT_STATUSES.has(response.status) || location === null) return null;
  if (!URL.canParse(location, hop.url.href))
    throw new GatewayError("egress_refused", { detail: `${hop.url.origin} redirects to a malformed address` });
  const url = new URL(location, hop.url);
  const sameOrigin = url.origin === hop.url.origin;
  const headers = new Headers([...hop.headers].filter(([name]) => sameOrigin || HARMLESS_HEADERS.has(name)));
  const becomesGet = response.status === 303 ? hop.method !== "HEAD" : response.status < 303 && hop.method === "POST";
  if (!becomesGet && hop.body instanceof ReadableStream) {
    throw new GatewayError("egress_refused", { detail: `${hop.url.origin} redirects a streamed body` });
  }
  if (becomesGet) for (const name of ["content-type", "content-language", "content-length"]) headers.delete(name);
  return { url, method: becomesGet ? "GET" : hop.method, headers, body: becomesGet ? null : hop.body, home: hop.home && sameOrigin };
};
