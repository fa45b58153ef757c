import { createHash, timingSafeEqual } from "node:crypto";

type Headers = Record<string, string | string[] | undefined>;

const BEARER = /^bearer +([^\s]+) *$/i;
const CREDENTIAL_CHARS_MAX = 4_096;

function bearerOf(header: string | string[] | undefined): string | null {
  const token = typeof header === "string" ? BEARER.exec(header)?.[1] : undefined;
  return token ?? null;
}

function pick(own: string | string[] | undefined, authorization: string | string[] | undefined): string | null {
  const credential = typeof own === "string" && own !== "" ? own : bearerOf(authorization);
  return credential === null || credential.length > CREDENTIAL_CHARS_MAX ? null : credential;
}

/**
 * The caller's credential as sent: `x-api-key`, or else a bearer token. Headers by their lower-case names. No credential has a space in it: those
 * that we give ourselves to what comes by other ways have one.
 */
export function credentialFrom(headers: Headers): string | null {
  const credential = pick(headers["x-api-key"], headers.authorization);
  return credential === null || /\s/.test(credential) ? null : credential;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Whether the headers carry the operator's secret, in `x-admin-secret` or as a bearer token. Takes as long for any wrong one. */
export function hasAdminSecret(headers: Headers, secret: string): boolean {
  const sent = pick(headers["x-admin-secret"], headers.authorization);
  return timingSafeEqual(digest(sent ?? ""), digest(secret)) && sent !== null;
}
