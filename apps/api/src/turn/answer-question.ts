import { type CardResult, isGatewayError } from "@parley/contracts";
import type { Caller, Gateway, Once } from "@parley/domain";

/** Nothing is asked, or not any more. */
const NOT_ASKED = ["card_closed", "card_expired"] as const;

interface Said {
  conversationId: string;
  text: string;
}

/**
 * Where the agent has asked one question and nothing else, the text is its answer; null where it is a message like any other. Under one key of one
 * route either the answer is kept or the message is: a repeated call finds whichever the first one has become, and the message's own check says
 * whether it is the same.
 */
export async function answerQuestion(gateway: Gateway, caller: Caller, said: Said, once: Once | undefined): Promise<CardResult | null> {
  if (said.text === "") return null;
  try {
    return await gateway.answerByText(caller, said, once);
  } catch (error) {
    if (NOT_ASKED.some((code) => isGatewayError(error, code))) return null;
    if (once !== undefined && isGatewayError(error, "idempotency_mismatch")) return null;
    throw error;
  }
}
