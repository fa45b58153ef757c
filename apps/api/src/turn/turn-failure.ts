import { budgetExhausted, ERRORS, GatewayError, type RefusedBy } from "@parley/contracts";

/** What is known of a turn that has ended without an answer, from its row or from its last event. */
interface FailedTurn {
  status?: string;
  reason: string | null;
  refusedBy?: RefusedBy | null | undefined;
  /** What the log says of it. */
  error?: string | undefined;
}

/** Why a turn has not been answered, as every door says it; null where the error table has no word of its own for it. */
export function turnFailure({ status, reason, refusedBy }: FailedTurn): GatewayError | null {
  if (status === "cancelled") return new GatewayError("message_not_waiting");
  if (reason === "budget") return refusedBy ? budgetExhausted(refusedBy) : new GatewayError("budget_exhausted");
  if (reason === "model_unavailable") return new GatewayError("model_unavailable");
  if (reason === "peer_token_missing") return new GatewayError("gateway_token_missing");
  return null;
}

/** The same at the doors of chats, which have a word for the rest, too. */
export const chatFailure = (failed: FailedTurn): GatewayError =>
  turnFailure(failed) ??
  new GatewayError("chat_failed", failed.error === undefined ? {} : { text: `${ERRORS.chat_failed.text}: ${failed.error}` });
