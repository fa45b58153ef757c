import { ERRORS, GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import type { ErrorRequestHandler, RequestHandler } from "express";
import { toGatewayError } from "./to-gateway-error.ts";
import type { VisitorOf } from "./visitors.ts";

/** Whatever no door has answered, counted by address. */
export const answerUnmatched =
  (visitorOf: VisitorOf): RequestHandler =>
  async (request, response) => {
    await visitorOf(request, response).count("anonymous", null);
    throw new GatewayError("not_found");
  };

/** The last handler: `{error: {code, message, request_id}}`, with `issues` where fields are wrong. Details go to the log only. */
export const answerErrors =
  (log: Log): ErrorRequestHandler =>
  (thrown: unknown, _request, response, _next) => {
    const requestId = response.getHeader("x-request-id");
    const error = toGatewayError(thrown, log.child({ requestId }));
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (error.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(error.retryAfterSeconds));
    const { code, message, issues } = error;
    response.status(ERRORS[code].http).json({ error: { code, message, request_id: requestId, ...(issues && { issues }) } });
  };
