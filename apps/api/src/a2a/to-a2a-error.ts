import type { GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { A2aError } from "@parley/peers";
import { toGatewayError } from "../to-gateway-error.ts";

/** Any thrown thing as what this door may say; what is no refusal stands in the log. */
export const toA2aError = (thrown: unknown, log: Log): A2aError | GatewayError =>
  thrown instanceof A2aError ? thrown : toGatewayError(thrown, log);
