import type { RequestHandler } from "express";
import { mayRead, type OriginLists } from "./origins.ts";

const METHODS = "GET, POST, PATCH, PUT, DELETE, OPTIONS";
const MAX_AGE_SECONDS = "3600";
/** What a page asks to send; anything else stands in no header that could be asked for. */
const HEADER_LIST = /^[A-Za-z0-9-]+(\s*,\s*[A-Za-z0-9-]+)*$/;
const HEADERS = "Authorization, Content-Type";
const HEADERS_CHARS_MAX = 2_000;

/** What a page may see of an answer besides its body. */
const EXPOSED = [
  "idempotent-replay",
  "link",
  "location",
  "openai-organization",
  "openai-processing-ms",
  "openai-project",
  "openai-version",
  "payment-receipt",
  "preference-applied",
  "ratelimit-limit",
  "ratelimit-policy",
  "ratelimit-remaining",
  "ratelimit-reset",
  "retry-after",
  "retry-after-ms",
  "www-authenticate",
  "x-children-left-out",
  "x-conversation-id",
  "x-plugin-id",
  "x-ratelimit-limit-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-requests",
  "x-ratelimit-reset-tokens",
  "x-refused-by",
  "x-request-id",
  "x-session-remaining",
  "x-should-retry",
].join(", ");

/**
 * Lets pages of the listed origins read answers, and answers their preflights before anything is asked of the caller. Cookies are never
 * let through: a page of another origin shows a key, a token or a ticket. With an empty list there are no such headers at all.
 */
export const cors =
  (origins: OriginLists): RequestHandler =>
  (request, response, next) => {
    const { origin } = request.headers;
    if (origins.cors.length === 0) return next();
    response.vary("origin");
    if (origin === undefined || !mayRead(origins, origin)) return next();
    response.setHeader("access-control-allow-origin", origins.cors.includes("*") ? "*" : origin);
    response.setHeader("access-control-expose-headers", EXPOSED);
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return next();
    const asked = request.headers["access-control-request-headers"] ?? "";
    response.setHeader("access-control-allow-methods", METHODS);
    response.setHeader("access-control-allow-headers", asked.length <= HEADERS_CHARS_MAX && HEADER_LIST.test(asked) ? asked : HEADERS);
    response.setHeader("access-control-max-age", MAX_AGE_SECONDS);
    response.statusCode = 204;
    response.end();
  };
