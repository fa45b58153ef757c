import type { IncomingMessage, ServerResponse } from "node:http";
import { isSessionToken } from "@parley/identity";

/** With the prefix a browser takes the cookie from no other host, over TLS alone, and sends it to all paths. */
const nameOf = (isSecure: boolean): string => (isSecure ? "__Host-parley_session" : "parley_session");

/** The session's token in the request's cookie; null where there is none. */
export function sessionInCookie({ headers }: IncomingMessage, isSecure: boolean): string | null {
  const start = `${nameOf(isSecure)}=`;
  for (const part of headers.cookie?.split(";") ?? []) {
    const cookie = part.trim();
    if (cookie.startsWith(start) && isSessionToken(cookie.slice(start.length))) return cookie.slice(start.length);
  }
  return null;
}

interface Cookie {
  token: string;
  /** 0 takes the cookie away. */
  maxAgeSeconds: number;
  isSecure: boolean;
}

/** No script reads it, and no other site's form or frame sends it. */
export function setSessionCookie(response: ServerResponse, { token, maxAgeSeconds, isSecure }: Cookie): void {
  const flags = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${isSecure ? "; Secure" : ""}`;
  response.setHeader("set-cookie", `${nameOf(isSecure)}=${token}; ${flags}`);
}
