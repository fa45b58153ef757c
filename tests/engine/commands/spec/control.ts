import type { CardOutcome, CardResult, ChangedMessage, DrainResult, QueueResult, StopResult } from "@parley/contracts";
import { type Card, type Conversation, isWaiting, type Message, openCards } from "./conversation.ts";
import type { Verdict } from "./submit.ts";
import { endTurn, resume } from "./turns.ts";

type Stopped = Pick<StopResult, "stopped" | "turnId" | "children" | "cards" | "queueCleared" | "queueDepth">;

/** Without `meant` the current turn, or what is about to start by itself. A turn that is not the current one is left alone. */
export function stop(c: Conversation, { meant, clearQueue }: { meant: string | null; clearQueue: boolean }): Stopped {
  const current = c.current?.message.turnId ?? null;
  const isMeant = current !== null && (meant === null || meant === current);
  const cards = isMeant ? openCards(c).map(({ id }) => id) : [];
  if (isMeant) {
    c.stop = "user_stop";
    c.held = true;
  }
  if (current === null && meant === null && c.queue.length > 0) c.held = true;
  if (isMeant || meant === null) {
    c.due = "never";
    c.isDraining = false;
  }
  const queueCleared = clearQueue ? clear(c) : 0;
  if (isMeant && c.state !== "running") endTurn(c, "user_stop");
  const turnId = isMeant ? current : null;
  return { stopped: isMeant, turnId, children: [], cards: cards.toSorted(), queueCleared, queueDepth: c.queue.length };
}

/** All that waits, steers included. */
export function clear(c: Conversation): number {
  const gone = [...c.queue, ...c.steers];
  for (const message of gone) remove(message, "cancelled");
  c.queue = [];
  c.steers = [];
  c.due = "never";
  return gone.length;
}

function remove(message: Message, state: "cancelled" | "expired"): void {
  message.state = state;
  message.turn = null;
}

/** Takes messages out of the queue, or back from the turn that they were to steer. */
export function leave(c: Conversation, messages: Message[], state: "cancelled" | "expired"): void {
  for (const message of messages) remove(message, state);
  c.queue = c.queue.filter(isWaiting);
  c.steers = c.steers.filter(isWaiting);
  if (c.queue.length === 0) c.due = "never";
}

export function cancel(c: Conversation, message: Message): Verdict<Pick<QueueResult, "cancelled" | "queueDepth">> {
  if (!isWaiting(message)) return { refused: "message_not_waiting" };
  leave(c, [message], "cancelled");
  return { answer: { cancelled: 1, queueDepth: c.queue.length } };
}

/** `position` counts from 1; beyond the end is the end. A message that steers has no place in the queue. */
export function change(
  c: Conversation,
  message: Message,
  position: number | null,
): Verdict<Pick<ChangedMessage, "position" | "queueDepth">> {
  if (!isWaiting(message)) return { refused: "message_not_waiting" };
  if (position !== null && c.queue.includes(message)) {
    const others = c.queue.filter((other) => other !== message);
    c.queue = others.toSpliced(position - 1, 0, message);
  }
  return { answer: { position: c.queue.indexOf(message) + 1, queueDepth: c.queue.length } };
}

export function drain(c: Conversation): Pick<DrainResult, "action" | "queueDepth"> {
  const queueDepth = c.queue.length;
  if (c.state === "paused") return { action: "paused", queueDepth };
  if (c.state !== "idle") {
    c.held = false;
    return { action: "running", queueDepth };
  }
  if (queueDepth === 0) return { action: "empty", queueDepth };
  c.isDraining = true;
  return { action: "draining", queueDepth };
}

export function decide(
  c: Conversation,
  card: Card,
  outcome: Extract<CardOutcome, "answered" | "approved" | "denied">,
): Verdict<Pick<CardResult, "outcome" | "cardsOpen" | "resumed">> {
  if (card.status !== "open") return { refused: "card_closed" };
  if (card.isLate) return { refused: "card_expired" };
  card.status = outcome;
  const cardsOpen = openCards(c).length;
  if (cardsOpen === 0) resume(c);
  return { answer: { outcome, cardsOpen, resumed: cardsOpen === 0 } };
}
