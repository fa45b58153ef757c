import { type AnswerInput, type CardId, type CardResult, type ConversationId, type DecideInput, GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { announce } from "../turn/kick.ts";
import type { StoredCard } from "../turn/stored-card.ts";
import type { ConversationKey } from "../turn/turn-store.ts";
import { checkAnswers } from "./check-answers.ts";
import { getRunState } from "./control-conversation.ts";
import { conversationKey } from "./conversation-key.ts";

/** Answers a card's questions. Answers that do not fit are refused before anything is written. */
export async function answerCard(
  context: GatewayContext,
  caller: Caller,
  { conversationId, cardId, answers }: AnswerInput,
): Promise<CardResult> {
  const { key, card } = await findCard(context, caller, { conversationId, cardId });
  if (card.kind !== "questions") throw new GatewayError("not_found");
  if (card.status !== "open") throw closedBefore(card);
  const checked = checkAnswers(card.body, answers);
  const decision = { cardId, principalId: caller.principalId, argumentsHash: null, answers: checked };
  return settle(context, key, () => context.conversations.answerCard(key, decision));
}

/** Where a conversation waits for one question and nothing else, the text is its answer. Throws `card_closed` where it waits for none. */
export async function answerByText(
  context: GatewayContext,
  caller: Caller,
  { conversationId, text }: { conversationId: string; text: string },
): Promise<CardResult> {
  const { cards } = await getRunState(context, caller, conversationId);
  const [card, ...others] = cards;
  const [question, ...further] = card?.kind === "questions" ? card.questions : [];
  if (card === undefined || question === undefined || others.length + further.length > 0) throw new GatewayError("card_closed");
  const answers = [{ questionId: question.id, answer: text }];
  return answerCard(context, caller, { conversationId: conversationId as ConversationId, cardId: card.id as CardId, answers });
}

/** Approves or denies a call. Bound to its exact arguments. */
export async function decideCard(
  context: GatewayContext,
  caller: Caller,
  { conversationId, cardId, decision, argumentsHash, comment }: DecideInput,
): Promise<CardResult> {
  const { key, card } = await findCard(context, caller, { conversationId, cardId });
  if (card.kind !== "approval") throw new GatewayError("not_found");
  if (card.status !== "open") throw closedBefore(card);
  const outcome = decision === "approve" ? ("approved" as const) : ("denied" as const);
  return settle(context, key, () =>
    context.conversations.decideCard(key, {
      cardId,
      principalId: caller.principalId,
      argumentsHash: argumentsHash ?? null,
      outcome,
      comment: comment ?? null,
    }),
  );
}

async function findCard(context: GatewayContext, caller: Caller, { conversationId, cardId }: { conversationId: string; cardId: string }) {
  const key = await conversationKey(context, caller, conversationId);
  const card = await context.conversations.findCard(key, cardId);
  if (card === null) throw new GatewayError("not_found");
  return { key, card };
}

async function settle(
  context: GatewayContext,
  key: ConversationKey,
  write: () => ReturnType<GatewayContext["conversations"]["answerCard"]>,
): Promise<CardResult> {
  const done = await write();
  void announce(context, key.organizationId, { ...done, conversationId: key.conversationId });
  const { cardId, turnId, outcome, cardsOpen, resumed, cursor } = done;
  return { conversationId: key.conversationId, cardId, turnId, outcome, cardsOpen, resumed, cursor, replayed: false };
}

/** Whoever comes second is told what stands. */
const closedBefore = ({ status }: StoredCard): GatewayError =>
  new GatewayError("card_closed", { text: `This was decided before: ${status}.` });
