import { submitInput } from "@parley/contracts";
import { CLIENT_LEFT } from "../client-left.ts";
import { onGone } from "../on-gone.ts";
import { onceOf } from "../once-of.ts";
import { sendPlainError } from "../plain-error.ts";
import { sendJson } from "../send-json.ts";
import { tellRefusedBy } from "../tell-refused-by.ts";
import { runTurn, type TurnAnswer, type Waiting } from "../turn/run-turn.ts";
import { chatFailure } from "../turn/turn-failure.ts";
import type { Call, Door, Handler } from "./call.ts";
import { type ChatPlace, findPlace } from "./chat-place.ts";
import { commandIn } from "./commands.ts";
import { readMessage } from "./read-message.ts";

const NO_TOKENS = { input: 0, output: 0, total: 0 };

/** A turn's answer under the name that the client has for its conversation. */
export const chatAnswer = (answer: TurnAnswer, sessionKey: string) => ({ ...answer, sessionKey });

/** What a message to this place is submitted as. */
export async function inputFor({ gateway }: Door, { caller }: Call, place: ChatPlace, text: string) {
  const { agentId, name, ownConversationId } = place;
  const conversationId = ownConversationId ?? (await gateway.openChat(caller, { agentId, name }));
  return submitInput.parse({ agentId, conversationId, text });
}

export function turnCall({ gateway, limits, openStream }: Door, { caller, route, request }: Call, leaving: AbortSignal): Waiting {
  return { gateway, caller, limits, method: route, once: onceOf(request, route), peer: { openStream, leaving } };
}

/** Nothing was said, and not because that took all its steps: a 200 would be taken for an empty answer. */
const hasNoAnswer = ({ status, reason, response }: TurnAnswer): boolean =>
  (status === "error" || status === "failed") && reason !== "steps_exhausted" && response === "";

/**
 * `POST /api/chat`: waits for the turn's end, or does what a slash command says. What was said before a turn failed is an answer that says so; where that
 * is nothing, it is refused as the error table has it. Whoever leaves detaches from the turn.
 */
export const chat: Handler = async (door, call) => {
  const { request, response, route } = call;
  const { message, ...named } = await readMessage(door, call);
  const place = await findPlace(door, call, named);
  const command = commandIn(message);
  if (command !== null) {
    const said = await command({ door, call, place, once: onceOf(request, route) });
    sendJson(response, 200, { response: said, tokensUsed: NO_TOKENS, finishReason: "command" });
    return;
  }
  const gone = new AbortController();
  onGone(response, () => gone.abort(CLIENT_LEFT));
  const input = await inputFor(door, call, place, message);
  const answer = await runTurn(turnCall(door, call, gone.signal), { input, invoke: true });
  const told = chatAnswer(answer, place.name);
  if (hasNoAnswer(answer)) return sendPlainError(response, chatFailure(answer), told);
  tellRefusedBy(response, answer);
  sendJson(response, 200, told);
};
