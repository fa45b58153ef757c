import {
  type CardId,
  type ConversationId,
  type Cursor,
  GatewayError,
  isGatewayError,
  type MessageMode,
  type RunState,
  type SubmitInput,
  type SubmitResult,
} from "@parley/contracts";
import type { Caller, Following, Gateway, SubmitFacts } from "@parley/domain";
import type { RouteName } from "@parley/router";
import type { Request } from "express";
import { onceOf } from "../once-of.ts";

interface Door {
  gateway: Gateway;
}

interface Call {
  /** Its row in the registry: idempotency keys are scoped to it. */
  route: RouteName;
  request: Pick<Request, "headers">;
}

/** A message, and what is known of its conversation. */
export interface TurnInput {
  submit: SubmitInput;
  /** The conversation is one that its caller has another name for: it is made where there is none yet. */
  isUsersOwn: boolean;
  /** What the message's turn has of its own. */
  brings?: Pick<SubmitFacts, "peers" | "past">;
}

/** What a message has become: a turn, or the answer that a turn has waited for. */
export interface Accepted {
  conversationId: string;
  turnId: string;
  /** Empty where the text has answered a card: then it is no message of its own. */
  messageId: string;
  /** Where the log stood before. */
  cursor: string;
}

export interface Begun {
  accepted: Accepted;
  following: Following;
}

interface Beginning {
  caller: Caller;
  input: TurnInput;
  /** What tells this call from another one under the same key. */
  body: unknown;
  signal: AbortSignal;
}

const acceptedOf = ({ conversationId, turnId, messageId, cursor }: SubmitResult): Accepted => ({
  conversationId,
  turnId,
  messageId,
  cursor,
});

async function stateOf({ gateway }: Door, { caller, input }: Beginning): Promise<RunState | null> {
  const { conversationId } = input.submit;
  if (conversationId === undefined) return null;
  try {
    return await gateway.getRunState(caller, conversationId);
  } catch (error) {
    if (input.isUsersOwn && isGatewayError(error, "not_found")) return null;
    throw error;
  }
}

/** Closed meanwhile, past its time, or not to be answered like this: then the text is a message like any other. */
const mayBeMessage = (error: unknown): boolean =>
  (["invalid_answers", "card_closed", "card_expired"] as const).some((code) => isGatewayError(error, code));

/** Where the agent has asked one question and nothing else, the text is its answer; null where it cannot be. */
async function answerQuestion({ gateway }: Door, { caller, input }: Beginning, state: RunState): Promise<Accepted | null> {
  const [card, another] = state.cards;
  if (card?.kind !== "questions" || another !== undefined) return null;
  const [question, further] = card.questions;
  if (question === undefined || further !== undefined || input.submit.text === "") return null;
  const answer = { conversationId: state.conversationId as ConversationId, cardId: card.id as CardId };
  try {
    const { turnId, cursor } = await gateway.answerCard(caller, {
      ...answer,
      answers: [{ questionId: question.id, answer: input.submit.text }],
    });
    return { conversationId: state.conversationId, turnId, cursor, messageId: "" };
  } catch (error) {
    if (mayBeMessage(error)) return null;
    throw error;
  }
}

async function follow({ gateway }: Door, { caller, signal }: Beginning, accepted: Accepted): Promise<Begun> {
  const { conversationId, cursor } = accepted;
  return { accepted, following: await gateway.followConversation(caller, { conversationId, after: cursor as Cursor, signal }) };
}

async function submit(door: Door, call: Call, { caller, input, signal }: Beginning, mode: MessageMode): Promise<Begun> {
  // The message carries the call's key, too: where a process dies between its commit and the claim's end, the call that is repeated finds it.
  // What joins a turn that is there has that turn's.
  const facts = { ...(mode === "auto" && input.brings), route: `${call.route}.${mode}`, invoke: input.isUsersOwn, signal };
  const message = { ...input.submit, mode, idempotencyKey: onceOf(call.request, call.route)?.key };
  const { submitted, ...following } = await door.gateway.submitAndFollow(caller, message, facts);
  return { accepted: acceptedOf(submitted), following };
}

async function accept(door: Door, call: Call, beginning: Beginning): Promise<Begun> {
  const state = await stateOf(door, beginning);
  if (state?.state !== "paused") return submit(door, call, beginning, "auto");
  const answered = await answerQuestion(door, beginning, state);
  if (answered !== null) return follow(door, beginning, answered);
  try {
    // What was asked is void, and the same turn goes on with the text. Approvals are never given by a message.
    return await submit(door, call, beginning, "steer");
  } catch (error) {
    if (!isGatewayError(error, "nothing_to_steer")) throw error;
    return submit(door, call, beginning, "auto");
  }
}

/** Hands the message over; when this resolves it is committed. A repeated call attaches to what the first one has begun. */
export async function beginTurn(door: Door, call: Call, beginning: Beginning): Promise<Begun> {
  const once = onceOf(call.request, call.route);
  if (once === undefined) return accept(door, call, beginning);
  const claim = await door.gateway.claimCall(beginning.caller, once, beginning.body, beginning.signal);
  if (claim.answer !== null) {
    const known = claim.answer as Partial<Accepted>;
    if (known.cursor === undefined) throw new GatewayError("internal", { detail: "a kept answer that is no accepted message" });
    return follow(door, beginning, known as Accepted);
  }
  try {
    const begun = await accept(door, call, beginning);
    await claim.keep(begun.accepted);
    return begun;
  } finally {
    await claim.free();
  }
}
