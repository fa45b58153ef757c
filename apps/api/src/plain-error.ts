import { ERRORS, type ErrorCode, type GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import type { ErrorRequestHandler, Response } from "express";
import { sendJson } from "./send-json.ts";
import { tellRefusedBy } from "./tell-refused-by.ts";
import { toGatewayError } from "./to-gateway-error.ts";

/** The words that clients of these doors know for what every door refuses. */
const TEXTS: Partial<Record<ErrorCode, string>> = {
  unauthenticated: "Unauthorized",
  missing_scope: "Forbidden: insufficient scope",
  not_found: "Not found",
  body_too_large: "Request body too large",
  internal: "Internal error",
};

/** The words for it. */
export const plainTextOf = ({ code, message }: GatewayError): string =>
  message === ERRORS[code].text ? (TEXTS[code] ?? message) : message;

/** `{error}`, one sentence; `besides` stands beside it. */
export function sendPlainError(response: Response, error: GatewayError, besides: object = {}): void {
  if (error.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(error.retryAfterSeconds));
  const issues = error.issues?.map(({ path, message }) => ({ path: path.join("."), message }));
  const { retryAfterSeconds } = error;
  const more = {
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
    ...(issues && { issues }),
    ...tellRefusedBy(response, error),
  };
  sendJson(response, ERRORS[error.code].http, { ...besides, error: plainTextOf(error), ...more });
}

/** The last handler of a door whose errors are plain. Who has begun to receive an answer is cut off instead. */
export const answerPlainErrors =
  (log: Log): ErrorRequestHandler =>
  (thrown: unknown, _request, response, _next) => {
    const error = toGatewayError(thrown, log.child({ requestId: response.getHeader("x-request-id") }));
    if (response.headersSent || response.destroyed) response.destroy();
    else sendPlainError(response, error);
  };
