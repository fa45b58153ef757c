import { ERRORS, type ErrorIssue, type GatewayError } from "@parley/contracts";
import type { Response } from "express";
import { sendJson } from "../send-json.ts";

/** `{detail}`: a list of wrong fields where the input does not fit the schema, one sentence otherwise. */
export function sendError(response: Response, error: GatewayError): void {
  const status = ERRORS[error.code].http;
  if (status === 401) response.setHeader("www-authenticate", "Bearer");
  if (error.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(error.retryAfterSeconds));
  sendJson(response, status, { detail: error.code === "invalid_input" ? fieldsOf(error) : error.message });
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
