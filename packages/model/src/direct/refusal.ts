import { type ErrorCode, GatewayError, isObject } from "@parley/contracts";
import { retryAfterSecondsOf } from "../openai-compatible/model-error.ts";
import { type Json } from "./known.ts";

const MESSAGE_CHARS_MAX = 2_000;
/** Asked too early or too often, or of something that is not there now: the same request may be taken later. */
const TRANSIENT_STATUSES = new Set([408, 409, 425]);
/** What they say is about our account with the provider, and is none of the caller's business. */
const OUR_STATUSES = new Set([401, 402, 403]);
const OUR_CODES = new Set(["insufficient_quota", "invalid_api_key"]);

interface Refusal {
  provider: string;
  status: number;
  /** The answer's body, as far as it could be read. */
  said: unknown;
  retryAfter?: string | string[] | undefined;
}

const errorIn = (said: unknown): Json => {
  const value = Array.isArray(said) ? said[0] : said;
  if (!isObject(value)) return {};
  if (isObject(value.error)) return value.error;
  return typeof value.error === "string" ? { message: value.error } : value;
};

const wordOf = (value: unknown): string | null => (typeof value === "string" || typeof value === "number" ? String(value) : null);

function codeFor(status: number, code: string | null): ErrorCode {
  if (OUR_STATUSES.has(status) || (code !== null && OUR_CODES.has(code))) return "model_rejected";
  if (status === 429) return "model_busy";
  if (status < 400 || status >= 500 || TRANSIENT_STATUSES.has(status)) return "model_unavailable";
  return status === 404 ? "model_not_found" : "model_refused";
}

/**
 * A provider's refusal as one of ours. Where it is the caller's request that is wrong, the caller gets the provider's words, and which
 * parameter they are about.
 */
export function refusalOf({ provider, status, said, retryAfter }: Refusal): GatewayError {
  const { message, param, code: given } = errorIn(said);
  const code = codeFor(status, wordOf(given));
  const words = typeof message === "string" ? message.slice(0, MESSAGE_CHARS_MAX) : "";
  // A refused key may be repeated in what is said about it.
  const detail = `${provider} answered ${status}${code === "model_rejected" ? "" : `: ${words}`}`;
  if (code === "model_refused" || code === "model_not_found") {
    const path = wordOf(param) === null ? [] : [String(param)];
    const issue = { path, code: wordOf(given) ?? code, message: words };
    return new GatewayError(code, { detail, issues: [issue], ...(words === "" ? {} : { text: words }) });
  }
  const retryAfterSeconds = retryAfterSecondsOf(typeof retryAfter === "string" ? retryAfter : null);
  return new GatewayError(code, { detail, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) });
}

/** An error that stands in a stream whose status was good. */
export function streamedRefusal(provider: string, error: unknown): GatewayError {
  const { code, status } = isObject(error) ? error : {};
  const stated = [code, status].map(Number).find((number) => number >= 400 && number < 600);
  return refusalOf({ provider, status: stated ?? 502, said: { error: isObject(error) ? error : { message: error } } });
}
