import { budgetExhausted, ERRORS, type GatewayError, isGatewayError, withoutFigures } from "@parley/contracts";
import type { ResponseFailure } from "./response.ts";

const TYPES: Record<number, string> = { 429: "rate_limit_error" };

/** What ended a response, in the words that may be shown to whoever may read it: without the figures of a budget, as it may be stored. */
export function responseFailure(error: unknown): ResponseFailure {
  const known = isGatewayError(error) ? sayable(error) : null;
  const code = known?.code ?? "internal";
  const { http, text } = ERRORS[code];
  return {
    type: TYPES[http] ?? (http >= 500 ? "server_error" : "invalid_request_error"),
    code: code === "model_busy" ? "rate_limit_exceeded" : (codeOf(known) ?? code),
    message: known?.message ?? text,
    param: null,
    ...(known?.refusedBy && { refusedBy: known.refusedBy }),
  };
}

const sayable = (error: GatewayError): GatewayError =>
  error.code === "budget_exhausted" && error.refusedBy ? budgetExhausted(withoutFigures(error.refusedBy)) : error;

const codeOf = (error: GatewayError | null): string | undefined => (error?.code === "model_refused" ? error.issues?.[0]?.code : undefined);
