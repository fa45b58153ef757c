import { ERRORS, type GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { type ErrorData, errorData, toGatewayError } from "@parley/router";
import { CODES, type RpcFailure } from "./messages.ts";

/** Which of JSON-RPC's few codes stands for a row of the error table; what exactly it was is in the data. */
function codeOf({ code }: GatewayError): RpcFailure["code"] {
  const { http } = ERRORS[code];
  if (http === 429) return CODES.limit;
  if (http === 401 || http === 403 || http >= 500) return CODES.internal;
  return CODES.badParams;
}

type Told = RpcFailure & { data: ErrorData & { text: string } };

/** Anything thrown as JSON-RPC tells it: the error table's code and text are in `data`, its details in the log only. */
export function failureOf(thrown: unknown, { log, method }: { log: Log; method: string }): Told {
  const error = toGatewayError(thrown);
  const data = { text: error.message, ...errorData(error, { log, path: method }) };
  return { code: codeOf(error), message: error.code === "internal" ? "Internal error" : error.message, data };
}
