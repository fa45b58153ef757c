import { ERRORS, type GatewayError } from "@parley/contracts";
import type { Response } from "express";
import { tellRefusedBy } from "../tell-refused-by.ts";

interface Besides {
  more?: object;
  /** It is a problem of the payment standard, too. */
  isProblem?: boolean;
}

/** The one word that clients of this door know otherwise. */
export const wordOf = ({ code }: GatewayError): string => (code === "unauthenticated" ? "Unauthorized" : code);

/** `{error, code, message, ...}`: a code, twice but for the one word that clients know otherwise, and a sentence. A call for money is nobody's to keep. */
export function sendPaidError(response: Response, error: GatewayError, { more = {}, isProblem = false }: Besides): void {
  const status = ERRORS[error.code].http;
  if (error.retryAfterSeconds !== undefined) response.setHeader("retry-after", String(error.retryAfterSeconds));
  if (status === 402) response.setHeader("cache-control", "no-store");
  response.statusCode = status;
  response.setHeader("content-type", isProblem ? "application/problem+json" : "application/json; charset=utf-8");
  response.end(
    JSON.stringify({ error: wordOf(error), code: error.code, message: error.message, ...tellRefusedBy(response, error), ...more }),
  );
}
