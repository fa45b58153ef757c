import { ERRORS, type ErrorCode, type GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import type { ErrorRequestHandler, Response } from "express";
import { sendJson } from "../send-json.ts";
import { toGatewayError } from "../to-gateway-error.ts";

/** What the protocol's clients know refusals by; others have our own names. */
const NAMES: Partial<Record<ErrorCode, string>> = {
  unauthenticated: "unauthorized",
  bad_request: "invalid_request",
  invalid_input: "invalid_request",
  invalid_cursor: "invalid_request",
  internal: "session_failed",
};

/** This protocol has one status for what does not fit. */
const statusOf = (code: ErrorCode): number => (code === "invalid_input" ? 400 : ERRORS[code].http);

function sendPlanError(response: Response, { code, message, issues, retryAfterSeconds }: GatewayError): void {
  if (retryAfterSeconds !== undefined) response.setHeader("retry-after", String(retryAfterSeconds));
  const error = NAMES[code] ?? code;
  const wrong = issues?.map(({ path, message: what }) => ({ path: path.join("."), message: what }));
  // Who may not come in is told nothing.
  sendJson(response, statusOf(code), code === "unauthenticated" ? { error } : { error, detail: message, ...(wrong && { issues: wrong }) });
}

/** The last handler of this door. A stream that has begun says by itself what went wrong. */
export const answerPlanErrors =
  (log: Log): ErrorRequestHandler =>
  (thrown: unknown, _request, response, _next) => {
    const error = toGatewayError(thrown, log.child({ requestId: response.getHeader("x-request-id") }));
    if (response.headersSent || response.destroyed) response.destroy();
    else sendPlanError(response, error);
  };
