import { isGatewayError } from "@parley/contracts";
import { type EgressFetch, Scrubber } from "@parley/egress";
import { egressNameOf, type ToolSecret } from "../tool-secrets.ts";
import { readText } from "./read-text.ts";

const BODY_BYTES_MAX = 1_048_576;
const ERROR_CHARS_MAX = 2_000;
/** Too many calls, or something between us and the tool is away: the same call may be taken a moment later. */
const PASSING_STATUSES = new Set([429, 502, 503, 504]);
/** No connection came about, so the tool was asked nothing. */
const NOT_CONNECTED = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);

export interface WayOut {
  fetch: EgressFetch;
  /** What of an answer the model is told. */
  resultCharsMax: number;
}

interface PostedCall {
  url: string;
  key: string;
  /** JSON. */
  body: string;
  /** Sent along. */
  secret: ToolSecret | null;
  stop: AbortSignal;
  /** Aborted when the tool's time is over. */
  late: AbortSignal;
}

interface Attempt {
  text: string;
  isError: boolean;
  /** The tool may have acted, though it gave no answer. */
  unsure: boolean;
  /** How long to wait at least before the same call may go better; null where it never will. */
  againAfterMs: number | null;
}

/** Posts a call once. Redirects are answers like any other: a tool is what stands at its own address. Throws `stop`'s reason once aborted. */
export async function postCall({ url, key, body, secret, stop, late }: PostedCall, { fetch, resultCharsMax }: WayOut): Promise<Attempt> {
  const headers = { "content-type": "application/json", "idempotency-key": key };
  const named = secret === null ? {} : { secret: egressNameOf(secret) };
  const signal = AbortSignal.any([stop, late]);
  const shown = new Scrubber();
  try {
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal, shown, ...named });
    // A place that says back what it was sent tells the model no secret.
    const said = shown.text(await readText(response, BODY_BYTES_MAX));
    return response.ok ? resultOf(said, resultCharsMax) : refusalOf(response, said);
  } catch (error) {
    stop.throwIfAborted();
    if (late.aborted) return failure("The tool did not answer in time.", { unsure: true, againAfterMs: null });
    return failureOf(error);
  }
}

const resultOf = (text: string, charsMax: number): Attempt => ({
  text: cut(text, charsMax),
  isError: false,
  unsure: false,
  againAfterMs: null,
});

function refusalOf({ status, headers }: Response, text: string): Attempt {
  const said = cut(text.trim(), ERROR_CHARS_MAX);
  const againAfterMs = PASSING_STATUSES.has(status) ? retryAfterMs(headers.get("retry-after")) : null;
  return failure(said === "" ? `The tool answered ${status}.` : `The tool answered ${status}: ${said}`, { unsure: false, againAfterMs });
}

/** The words say nothing of addresses: they may be nobody's business. */
function failureOf(error: unknown): Attempt {
  if (isGatewayError(error, "egress_refused")) {
    return failure("The tool's address may not be called from here.", { unsure: false, againAfterMs: null });
  }
  const cause = isGatewayError(error, "egress_failed") ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (NOT_CONNECTED.has(code)) return failure("The tool could not be reached.", { unsure: false, againAfterMs: 0 });
  return failure("The connection to the tool broke off.", { unsure: true, againAfterMs: 0 });
}

const failure = (text: string, facts: Pick<Attempt, "unsure" | "againAfterMs">): Attempt => ({ text, isError: true, ...facts });

const cut = (text: string, charsMax: number): string =>
  text.length <= charsMax ? text : `${text.slice(0, charsMax).toWellFormed()}\n[cut after ${charsMax} characters]`;

/** Retry-After in ms, also where it comes as a date; 0 where it is missing or makes no sense. */
function retryAfterMs(value: string | null): number {
  if (value === null) return 0;
  const ms = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}
