import type { IncomingMessage } from "node:http";

/** Whose pages may use the gateway, besides its own. Read anew for each request: both may change while the process runs. */
export interface OriginLists {
  /** Pages that may read answers over HTTP; a single `*` is any page. */
  cors: readonly string[];
  /** Pages that may open a WebSocket. */
  sockets: readonly string[];
}

const isListed = (list: readonly string[], origin: string): boolean => list.includes("*") || list.includes(origin);

/** Whether an answer may be read by pages of this origin. */
export const mayRead = ({ cors }: OriginLists, origin: string): boolean => isListed(cors, origin);

/** Whether the request comes from a page of the gateway's own address. */
function isOwn(origin: string, { headers }: IncomingMessage): boolean {
  if (!URL.canParse(origin)) return false;
  return new URL(origin).host === headers.host?.toLowerCase();
}

/**
 * Whether a request may act with what a browser adds by itself (a cookie, a client certificate). Only browsers send an origin; where
 * one says that the page is another's, that page has to be listed by its name.
 */
export function comesFromOurs(request: IncomingMessage, list: readonly string[]): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return request.headers["sec-fetch-site"] !== "cross-site";
  return isOwn(origin, request) || list.includes(origin);
}

/** The same for opening a WebSocket, which browsers let any page do. */
export function mayOpenSocket(request: IncomingMessage, { sockets }: OriginLists): boolean {
  const { origin } = request.headers;
  return origin === undefined || isOwn(origin, request) || isListed(sockets, origin);
}
