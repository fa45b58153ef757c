import { type Agent, GatewayError, type Limits, submitInput } from "@parley/contracts";
import type { Caller, Gateway } from "@parley/domain";
import type { OpenStream, RouteName } from "@parley/router";
import type { Request } from "express";
import { CLIENT_LEFT } from "../client-left.ts";
import { beginTurn } from "../turn/begin-turn.ts";
import { questionsIn } from "../turn/questions-in.ts";
import { awaitEnd, type TurnAnswer } from "../turn/run-turn.ts";
import { chatFailure } from "../turn/turn-failure.ts";
import { type JobPlace, jobIdOf } from "./job-id.ts";
import type { AskedChat } from "./read-chat.ts";

export interface ChatDoor {
  gateway: Gateway;
  limits: Limits;
  openStream: OpenStream;
}

export interface ChatCall {
  route: RouteName;
  request: Request;
  caller: Caller;
  agent: Agent;
  asked: AskedChat;
  waitMs: number;
  /** Aborts when the client is gone: the turn goes on. */
  leaving: AbortSignal;
}

export interface ChatAnswer extends JobPlace {
  jobId: string;
  /** Null: it goes on. */
  end: { reply: string; status: "completed" | "paused"; usage: TurnAnswer["tokensUsed"] } | null;
}

/**
 * A message to an agent, and its answer where that is there in time. What was accepted goes on whoever waits for it; the same call with its key comes
 * back to the same turn. Throws what the turn has failed with, in the words of the error table.
 */
export async function runChat(door: ChatDoor, call: ChatCall): Promise<ChatAnswer> {
  const { gateway, limits, openStream } = door;
  const { route, request, caller, agent, asked, waitMs, leaving } = call;
  const { message: text, sessionKey: name } = asked;
  const conversationId = await gateway.openChat(caller, { agentId: agent.id, name });
  const read = submitInput.safeParse({ agentId: agent.id, conversationId, text });
  if (!read.success) throw new GatewayError("message_too_large");
  const close = openStream(caller);
  const over = new AbortController();
  try {
    const signal = AbortSignal.any([leaving, over.signal]);
    const input = { submit: read.data, isUsersOwn: true };
    const begun = await beginTurn({ gateway }, { route, request }, { caller, input, body: { ...asked, agentId: agent.id }, signal });
    const place = { conversationId, turnId: begun.accepted.turnId };
    const bound = setTimeout(() => over.abort(CLIENT_LEFT), waitMs);
    const waiting = { gateway, caller, limits, method: route, once: undefined, peer: { openStream, leaving } };
    const submitted = { ...begun.accepted, action: "started" as const, replayed: false };
    const answer = await awaitEnd(waiting, { following: begun.following, submitted }).finally(() => clearTimeout(bound));
    return { ...place, jobId: jobIdOf(place), end: endOf(answer) };
  } finally {
    over.abort(CLIENT_LEFT);
    close();
  }
}

function endOf(answer: TurnAnswer): ChatAnswer["end"] {
  const { status, response, cards = [], tokensUsed: usage } = answer;
  if (status === "pending" || status === "executing") return null;
  if (status === "paused") return { reply: questionsIn(cards), status, usage };
  if (status === "completed") return { reply: response, status, usage };
  throw chatFailure(answer);
}
