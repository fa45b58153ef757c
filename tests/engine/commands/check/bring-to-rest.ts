import { decide, drain } from "../acts/control.ts";
import { deliver, reply, sweep, wake } from "../acts/engine.ts";
import { type Conversation, isAtWork, openCards } from "../spec/conversation.ts";
import type { Stage } from "../stage/stage.ts";
import { expectSame } from "./expect-same.ts";

/** Far more than a list of commands leaves to be done. */
const ACTS_MAX = 500;

/** Everything that is due happens: orders are delivered, the model answers, people decide what is asked and release what is held. */
export async function bringToRest(c: Conversation, stage: Stage): Promise<void> {
  for (let acts = 0; acts < ACTS_MAX; acts += 1) {
    const act = nextAct(c, stage);
    if (act === null) return;
    await act();
    await expectSame(c, stage);
  }
  throw new Error(`It does not come to rest: ${c.state}, ${c.queue.length} wait.`);
}

function nextAct(c: Conversation, stage: Stage): (() => Promise<void>) | null {
  const answers = { kind: "answers" } as const;
  const [card] = openCards(c);
  if (stage.orders.waiting() > 0) return () => deliver(c, stage);
  if (isAtWork(c)) return () => reply(c, stage, answers);
  if (card !== undefined && !card.isLate) return () => decide(c, stage, card, true);
  if (c.state === "idle" && c.held && c.queue.length > 0) return () => drain(c, stage);
  if (c.state !== "idle" || c.queue.length > 0 || c.isDraining) return () => sweep(c, stage);
  if (c.frozen > 0) return () => wake(c, stage, { choice: 0, said: answers });
  return null;
}
