import { ERRORS, type ErrorCode, type GatewayError } from "@parley/contracts";
import type { Response } from "express";
import { sendJson } from "../send-json.ts";
import { tellRefusedBy } from "../tell-refused-by.ts";

/** The body of every refusal on these routes, and of the frame that ends a stream: always with these four members. */
interface OpenaiError {
  error: { message: string; type: string; param: string | null; code: string | null };
}

const TYPES: Record<number, string> = {
  401: "authentication_error",
  403: "permission_error",
  409: "conflict_error",
  429: "rate_limit_error",
};
/** Where OpenAI has a word of its own for what the table says. */
const CODES: Partial<Record<ErrorCode, string | null>> = {
  unauthenticated: "invalid_api_key",
  not_found: null,
  bad_request: null,
  invalid_input: "invalid_value",
  model_busy: "rate_limit_exceeded",
  too_many_requests: "rate_limit_exceeded",
  too_many_streams: "rate_limit_exceeded",
};

const typeOf = (status: number): string => TYPES[status] ?? (status >= 500 ? "server_error" : "invalid_request_error");

/** `messages[0].content`, as OpenAI writes the place of a parameter. */
function paramOf(path: (string | number)[]): string | null {
  const text = path.reduce<string>(
    (place, part) => (typeof part === "number" ? `${place}[${part}]` : place === "" ? part : `${place}.${part}`),
    "",
  );
  return text === "" ? null : text;
}

/** A refusal in OpenAI's envelope; `more` stands beside its four members. */
export function openaiError(error: GatewayError, more: Record<string, unknown> = {}): OpenaiError {
  const { code, message, issues: [issue] = [], refusedBy } = error;
  const named = CODES[code];
  return {
    error: {
      message: issue === undefined || code !== "invalid_input" ? message : `${paramOf(issue.path) ?? "The request"}: ${issue.message}`,
      type: typeOf(ERRORS[code].http),
      param: issue === undefined ? null : paramOf(issue.path),
      code: issue?.code ?? (named === undefined ? code : named),
      ...(refusedBy && { refusedBy }),
      ...more,
    },
  };
}

/** SDKs repeat what ended with one of these, unless they are told not to. */
const isRepeated = (status: number): boolean => status === 408 || status === 409 || status === 429 || status >= 500;

/** In seconds; null where nothing is said of it. Whoever was told to wait is told for how long. */
export function retryAfterOf({ code, retryAfterSeconds }: GatewayError): string | null {
  const seconds = retryAfterSeconds ?? (ERRORS[code].http === 429 ? 1 : null);
  return seconds === null ? null : String(seconds);
}

/** Answers with a refusal: status from the one table, OpenAI's envelope, and whether and when to try again. */
export function sendOpenaiError(response: Response, error: GatewayError, more?: Record<string, unknown>): void {
  const { http: status, retry } = ERRORS[error.code];
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  const retryAfter = retryAfterOf(error);
  if (retryAfter !== null) response.setHeader("retry-after", retryAfter);
  tellRefusedBy(response, error);
  if (isRepeated(status)) response.setHeader("x-should-retry", String(retry));
  sendJson(response, status, openaiError(error, more));
}
