import type { CardResult, Cursor } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import { type Call, type Door, type Handler, onCard, onConversation, onceOf, resumeCursor } from "./call.ts";
import { followStream } from "./follow-stream.ts";
import { parse } from "./parse.ts";
import { comeBack, lookups, runStream, streamOf } from "./run-stream.ts";
import { afterDecision } from "./stream-ends.ts";
import { answersBody, decisionBody, resumeQuery } from "./wire-input.ts";

/** Answers a card's questions and tells the turn that goes on. Answers that do not fit are a 400, and nothing has run. */
export const answerStream: Handler = async (door, call) => {
  const { conversationId, caller } = onConversation(call);
  parse(resumeQuery, call.request.query, "query");
  const { decision_id: cardId, answers } = parse(answersBody, await door.readJsonBody(call.request, call.response), "body");
  const once = onceOf(call);
  const decide = () => door.gateway.answerCard(caller, { conversationId, cardId, answers }, once);
  await tellDecision(door, call, { caller, conversationId, cardId, decide });
};

/** Approves or denies a call and tells the turn that goes on. */
export const decideStream: Handler = async (door, call) => {
  const { conversationId, cardId, caller } = onCard(call);
  const body = parse(decisionBody, await door.readJsonBody(call.request, call.response), "body");
  const { decision, arguments_hash, comment } = body;
  const once = onceOf(call);
  const facts = { decision, argumentsHash: arguments_hash ?? undefined, comment: comment ?? undefined };
  const decide = () => door.gateway.decideCard(caller, { conversationId, cardId, ...facts }, once);
  await tellDecision(door, call, { caller, conversationId, cardId, decide });
};

interface Deciding {
  caller: Caller;
  conversationId: string;
  cardId: string;
  decide(): Promise<CardResult>;
}

/** The head waits for the commit: what is refused is a plain status. */
async function tellDecision(door: Door, call: Call, { caller, conversationId, cardId, decide }: Deciding): Promise<void> {
  const { gateway } = door;
  const seen = resumeCursor(call.request);
  // Whoever comes back has decided before. Where the card is still open, its cursor is of another stream.
  if (seen !== undefined && (await gateway.getCard(caller, { conversationId, cardId })).status !== "open") {
    return comeBack(door, call, { caller, conversationId, after: seen });
  }
  const stream = streamOf(door, call, conversationId);
  const decided = await decide();
  const following = await gateway.followConversation(caller, { conversationId, after: decided.cursor as Cursor, signal: stream.signal });
  await runStream(door, stream, () =>
    followStream(stream, { following, ...lookups(door, caller, conversationId), endsAfter: afterDecision(decided) }),
  );
}
