import { GatewayError, isOurFailure } from "@parley/contracts";
import type { Log } from "@parley/domain";

/** `code` and `text` may be shown; anything that is not a refusal of ours has become `internal`, and what has failed on our side stands in the log. */
export function toGatewayError(error: unknown, log: Log): GatewayError {
  const known = error instanceof GatewayError ? error : fromHttp(error);
  if (known && !isOurFailure(known.code)) return known;
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
