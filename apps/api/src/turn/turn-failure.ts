import { GatewayError } from "@parley/contracts";
import type { TurnAnswer } from "./run-turn.ts";

/** Why a turn has not been answered, as every door says it; null where the error table has no word of its own for it. `text` is what the log says of it. */
export function turnFailure({ reason, status }: Pick<TurnAnswer, "reason" | "status">, text: string | null): GatewayError | null {
  if (status === "cancelled") return new GatewayError("message_not_waiting");
  if (reason === "budget") return new GatewayError("budget_exhausted", text === null ? {} : { text });
  if (reason === "model_unavailable") return new GatewayError("model_unavailable");
  if (reason === "peer_token_missing") return new GatewayError("gateway_token_missing");
  return null;
}
