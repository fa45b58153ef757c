import type { ErrorIssue } from "@parley/contracts";
import { ERRORS, GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import type { Response } from "express";

/** `code` and `text` may be shown; anything that is not a refusal of ours has become `internal` and stands in the log. */
export function toGatewayError(error: unknown, log: Log): GatewayError {
  const known = error instanceof GatewayError ? error : fromHttp(error);
  if (known && ERRORS[known.code].http < 500) return known;
  log.error({ error, detail: known?.detail }, "a request failed");
  return known ?? new GatewayError("internal", { cause: error });
}

/** The body reader and Express refuse with an HTTP status on the error. */
function fromHttp(error: unknown): GatewayError | undefined {
  if (!(error instanceof Error) || !("status" in error) || typeof error.status !== "number") return undefined;
  if (error.status === 413) return new GatewayError("body_too_large", { cause: error });
  if (error.status === 415) return new GatewayError("unsupported_media_type", { cause: error });
  if (error.status >= 400 && error.status < 500) return new GatewayError("bad_request", { cause: error });
  return undefined;
}

/** `{detail}`: a list of wrong fields where the input does not fit the schema, one sentence otherwise. */
export function sendError(response: Response, error: GatewayError): void {
  const status = ERRORS[error.code].http;
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  if (error.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(error.retryAfterSeconds));
  sendJson(response, status, { detail: error.code === "invalid_input" ? fieldsOf(error) : error.message });
}

export function sendJson(response: Response, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json; charset=utf-8");
  response.end(JSON.stringify(body));
}

const PLACES: ReadonlySet<string | number> = new Set(["body", "path", "query", "header"]);

function fieldsOf(error: GatewayError) {
  const issues: ErrorIssue[] = error.issues?.length ? error.issues : [{ path: [], message: error.message, code: "value_error" }];
  return issues.map(({ path, message, code }) => ({
    loc: path[0] !== undefined && PLACES.has(path[0]) ? path : ["body", ...path],
    msg: message,
    type: code,
  }));
}
