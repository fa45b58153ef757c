import type { JobName } from "@parley/contracts";
import { expect } from "vitest";
import { type Conversation, openCards } from "../spec/conversation.ts";
import { keyOf, type Stage } from "../stage/stage.ts";

/** The conversation stands where the spec says, and whatever is ready has been ordered to be run. */
export async function expectSame(c: Conversation, stage: Stage): Promise<void> {
  if (stage.conversationId === null) return expect(c.messages).toEqual([]);
  const { world } = stage;
  const real = await world.gateway.getRunState(world.caller, keyOf(stage).conversationId);
  const { state, held, turnId, turnNumber, queueDepth, steersWaiting, cardsOpen } = real;
  const queue = real.queue.map(({ id, position }) => `${position} ${id}`);
  const cards = real.cards.map(({ id, kind }) => `${kind} ${id}`).toSorted();
  expect({ state, held, turnId, turnNumber, queueDepth, queue, steersWaiting, cardsOpen, cards }).toEqual({
    state: c.state,
    held: c.held,
    turnId: c.current?.message.turnId ?? null,
    turnNumber: c.turns.length,
    queueDepth: c.queue.length,
    queue: c.queue.map(({ id }, index) => `${index + 1} ${id}`),
    steersWaiting: c.steers.length,
    cardsOpen: openCards(c).length,
    cards: openCards(c)
      .map(({ id, kind }) => `${kind} ${id}`)
      .toSorted(),
  });
  if (stage.hasLostOrders) return;
  if (c.state === "ready") expect(ordersOf(stage, "turn.run")).toBeGreaterThan(0);
  if (c.isDraining) expect(ordersOf(stage, "conversation.drain")).toBeGreaterThan(0);
}

/** What the sweep has found is ordered, too: by way of the reaper. */
const ordersOf = ({ orders }: Stage, name: JobName): number => orders.waiting(name) + orders.waiting("turn.reap");
