import {
  type Cursor,
  GatewayError,
  isGatewayError,
  type MessageMode,
  type RunState,
  type SubmitInput,
  type SubmitResult,
} from "@parley/contracts";
import type { Caller, Following, Gateway, Once, SubmitFacts } from "@parley/domain";
import type { RouteName } from "@parley/router";
import type { Request } from "express";
import { onceOf } from "../once-of.ts";
import { answerQuestion } from "./answer-question.ts";

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

/** Where the agent has asked one question and nothing else, the text is its answer; null where it cannot be. */
async function answer({ gateway }: Door, call: Call, { caller, input }: Beginning): Promise<Accepted | null> {
  const { conversationId, text = "" } = input.submit;
  if (conversationId === undefined) return null;
  try {
    const answered = await answerQuestion(gateway, caller, { conversationId, text }, onceIn(call));
    return answered && { conversationId, turnId: answered.turnId, cursor: answered.cursor, messageId: "" };
  } catch (error) {
    if (isGatewayError(error, "invalid_answers") || (input.isUsersOwn && isGatewayError(error, "not_found"))) return null;
    throw error;
  }
}

/**
 * What a message is kept under besides the claim of its call, whatever becomes of it: where a process dies between its commit and the claim's end, the
 * call that is repeated finds it.
 */
function onceIn({ request, route }: Call): Once | undefined {
  const once = onceOf(request, route);
  return once && { ...once, route: `${route}.said` };
}

async function follow({ gateway }: Door, { caller, signal }: Beginning, accepted: Accepted): Promise<Begun> {
  const { conversationId, cursor } = accepted;
  return { accepted, following: await gateway.followConversation(caller, { conversationId, after: cursor as Cursor, signal }) };
}

async function submit(door: Door, call: Call, { caller, input, signal }: Beginning, mode: MessageMode): Promise<Begun> {
  const once = onceIn(call);
  // What joins a turn that is there has that turn's.
  const facts = { ...(mode === "auto" && input.brings), route: once?.route ?? call.route, invoke: input.isUsersOwn, signal };
  const message = { ...input.submit, mode, idempotencyKey: once?.key };
  const { submitted, ...following } = await door.gateway.submitAndFollow(caller, message, facts);
  return { accepted: acceptedOf(submitted), following };
}

/**
 * Whatever the conversation does now, a call that is repeated under its key gets what the first one has become. Where a turn waits for something else
 * than this text can answer, what was asked is void, and the same turn goes on with the text. Approvals are never given by a message.
 */
async function accept(door: Door, call: Call, beginning: Beginning): Promise<Begun> {
  const known = onceIn(call) === undefined ? await stateOf(door, beginning) : "any";
  const answered = known === "any" || known?.state === "paused" ? await answer(door, call, beginning) : null;
  if (answered !== null) return follow(door, beginning, answered);
  const state = known === "any" ? await stateOf(door, beginning) : known;
  const [mode, other] = state?.state === "paused" ? (["steer", "auto"] as const) : (["auto", "steer"] as const);
  try {
    return await submit(door, call, beginning, mode);
  } catch (error) {
    // It waits no longer; or the first call has met it in another state.
    if (!isGatewayError(error, "nothing_to_steer") && !isGatewayError(error, "idempotency_mismatch")) throw error;
    return submit(door, call, beginning, other);
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
