import type { CardId, MessageId, TurnId } from "@parley/contracts";
import * as spec from "../spec/control.ts";
import type { Card, Conversation } from "../spec/conversation.ts";
import { keyOf, type Stage } from "../stage/stage.ts";
import { expectVerdict, outcomeOf, pick } from "./outcome.ts";

/** `aim`: a turn by number, the current one or an older one; null is whichever runs. */
export async function stop(c: Conversation, stage: Stage, { aim, clearQueue }: { aim: number | null; clearQueue: boolean }): Promise<void> {
  const meant = aim === null || c.turns.length === 0 ? null : pick(c.turns, aim).message.turnId;
  const real = await stage.world.gateway.stopConversation(stage.world.caller, {
    ...keyOf(stage),
    clearQueue,
    ...(meant !== null && { turnId: meant as TurnId }),
  });
  expectVerdict({ answer: { ...real, cards: real.cards.toSorted() } }, { answer: spec.stop(c, { meant, clearQueue }) });
}

export async function cancel(c: Conversation, { world, ...stage }: Stage, target: number): Promise<void> {
  const message = pick(c.messages, target);
  const real = await outcomeOf(world.gateway.cancelMessage(world.caller, { ...keyOf({ world, ...stage }), messageId: message.id }));
  expectVerdict(real, spec.cancel(c, message));
}

export async function clearQueue(c: Conversation, stage: Stage): Promise<void> {
  const real = await stage.world.gateway.clearQueue(stage.world.caller, keyOf(stage).conversationId);
  const cancelled = spec.clear(c);
  expectVerdict({ answer: real }, { answer: { cancelled, queueDepth: 0 } });
}

export interface Change {
  target: number;
  position: number | null;
  text: string | null;
}

export async function change(c: Conversation, stage: Stage, { target, position, text }: Change): Promise<void> {
  const message = pick(c.messages, target);
  const { conversationId } = keyOf(stage);
  const what = { ...(position !== null && { position }), ...(text !== null && { text }) };
  const input = { conversationId, messageId: message.id as MessageId, ...what };
  const real = await outcomeOf(stage.world.gateway.changeMessage(stage.world.caller, input));
  expectVerdict(real, spec.change(c, message, position));
}

export async function drain(c: Conversation, stage: Stage): Promise<void> {
  const real = await stage.world.gateway.drainConversation(stage.world.caller, keyOf(stage).conversationId);
  expectVerdict({ answer: real }, { answer: spec.drain(c) });
}

/** Answers a card's question, or approves or denies its call. */
export const decideOne = (c: Conversation, stage: Stage, { target, isApproved }: { target: number; isApproved: boolean }): Promise<void> =>
  decide(c, stage, pick(c.cards, target), isApproved);

export async function decide(c: Conversation, stage: Stage, card: Card, isApproved: boolean): Promise<void> {
  const { gateway, caller } = stage.world;
  const where = { conversationId: keyOf(stage).conversationId, cardId: card.id as CardId };
  if (card.kind === "questions") {
    const real = await outcomeOf(gateway.answerCard(caller, { ...where, answers: [{ questionId: "q", answer: "that one" }] }));
    return expectVerdict(real, spec.decide(c, card, "answered"));
  }
  const real = await outcomeOf(gateway.decideCard(caller, { ...where, decision: isApproved ? "approve" : "deny" }));
  expectVerdict(real, spec.decide(c, card, isApproved ? "approved" : "denied"));
}
