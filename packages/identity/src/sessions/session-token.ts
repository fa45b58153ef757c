import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const SHAPE = /^ags_[A-Za-z0-9_-]{43}$/;

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** What stands in a new session's cookie, and what is stored instead (SHA-256, hex). */
export function makeSession(): { token: string; hash: string } {
  const token = `ags_${randomBytes(32).toString("base64url")}`;
  return { token, hash: hashSession(token) };
}

export const isSessionToken = (text: string): boolean => SHAPE.test(text);

export const hashSession = (token: string): string => digest(token).toString("hex");

/**
 * What a page of ours shows besides the cookie when it changes something: a browser sends the cookie for any page, and only our own can
 * read this. Nothing is stored for it, and it says nothing about the token.
 */
export const csrfTokenOf = (token: string): string => digest(`parley csrf ${token}`).toString("base64url");

/** Whether it is the session's CSRF token. Takes as long for any wrong one. */
export const isCsrfToken = (sent: string, token: string): boolean => timingSafeEqual(digest(sent), digest(csrfTokenOf(token)));
