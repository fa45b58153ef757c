import { ERRORS, GatewayError, isGatewayError } from "@parley/contracts";
import type { Purchase } from "@parley/domain";
import { CLIENT_LEFT } from "../client-left.ts";

const SAID: Record<Purchase["whenFailed"], string | null> = {
  letGo: null,
  goesBack: "What the card was charged goes back.",
  staysPaid: "What was paid stands: show the same payment again, and do not pay anew.",
};

interface FailedFor {
  isGuest: boolean;
  purchase: Pick<Purchase, "whenFailed">;
}

/**
 * What a payer is told of work that failed: what becomes of the money, and, who has paid or is a guest, never that money is wanted. A 402 then is of the seller's own, and a payer
 * that keeps to the standard would pay again.
 */
export function workFailed(thrown: unknown, { isGuest, purchase: { whenFailed } }: FailedFor): unknown {
  if (thrown === CLIENT_LEFT) return thrown;
  const said = SAID[whenFailed];
  const error = isGatewayError(thrown) ? thrown : new GatewayError("internal", { cause: thrown });
  const isTheirs = ERRORS[error.code].http === 402 && (isGuest || said !== null);
  // What is under way still says so itself.
  if ((!isTheirs && said === null) || error.code === "payment_pending") return thrown;
  const code = isTheirs ? "plugin_failed" : error.code;
  const what = code === "plugin_failed" ? "The plugin failed." : error.message;
  return new GatewayError(code, {
    ...{ cause: thrown, detail: error.detail ?? error.message },
    ...(said !== null && { text: `${what} ${said}` }),
    ...(error.retryAfterSeconds !== undefined && { retryAfterSeconds: error.retryAfterSeconds }),
  });
}
