import { expect } from "vitest";
import { type Conversation, isWaiting, openCards } from "../spec/conversation.ts";
import * as spec from "../spec/engine.ts";
import { keyOf, type Stage } from "../stage/stage.ts";
import * as work from "../stage/work.ts";
import { pick } from "./outcome.ts";

/** The next order reaches a worker. */
export async function deliver(c: Conversation, stage: Stage): Promise<void> {
  switch (await work.deliver(stage)) {
    case "turn.run":
      return spec.claim(c);
    case "conversation.drain":
      return spec.release(c, true);
    case "turn.reap":
      return spec.repair(c);
    // No child and no summary has a part in this.
    case "subtask.run":
    case "conversation.compact":
    case "billing.post":
    case "hook.run":
    case "response.run":
    case "payment.settle":
    case "card.recover":
    case null:
      return;
  }
}

export async function reply(c: Conversation, stage: Stage, said: spec.Reply): Promise<void> {
  await work.sayReply(stage.worker, said);
  await learnCards(stage, spec.reply(c, said));
}

/** New cards have the ids that the gateway gave them, in the order in which they were asked. */
async function learnCards(stage: Stage, opened: Conversation["cards"]): Promise<void> {
  if (opened.length === 0) return;
  const rows = await stage.world.sql.owner<{ id: string; kind: string }[]>`
    select id, kind from cards where conversation_id = ${keyOf(stage).conversationId} order by created_at desc, call_index desc
    limit ${opened.length}`;
  expect(rows.toReversed().map(({ kind }) => kind)).toEqual(opened.map(({ kind }) => kind));
  for (const [index, { id }] of rows.toReversed().entries()) pick(opened, index).id = id;
}

export async function kill(c: Conversation, stage: Stage): Promise<void> {
  await work.kill(stage);
  c.isOrphaned = true;
  c.frozen += 1;
}

/**
 * A frozen worker wakes up, and its model replies. Where nobody has taken its turn over it is still the holder and goes on; else nothing that it
 * does counts.
 */
export async function wake(c: Conversation, stage: Stage, { choice, said }: { choice: number; said: spec.Reply }): Promise<void> {
  const worker = pick(stage.frozen, choice);
  const isHolder = c.isOrphaned && worker === stage.frozen.at(-1);
  stage.frozen = stage.frozen.filter((other) => other !== worker);
  c.frozen -= 1;
  worker.thaw();
  await work.sayReply(worker, said);
  if (!isHolder) return expect(worker.run).toBeNull();
  stage.worker = worker;
  c.isOrphaned = false;
  await learnCards(stage, spec.reply(c, said));
}

export async function shutDown(c: Conversation, stage: Stage): Promise<void> {
  await work.shutDown(stage);
  spec.giveBack(c);
}

export async function sweep(c: Conversation, stage: Stage): Promise<void> {
  await work.sweep(stage);
  if (c.due === "later") c.due = "now";
}

export function flushRedis(stage: Stage): void {
  stage.orders.forget();
  stage.hasLostOrders = true;
}

/** A message has waited for too long. What the sweep makes of it depends on what the conversation does then. */
export async function outlast(c: Conversation, stage: Stage, choice: number): Promise<void> {
  const message = pick(c.queue.filter(isWaiting), choice);
  await stage.world.sql.owner`update messages set expires_at = now() - interval '1 hour' where id = ${message.id}`;
  message.isLate = true;
}

export async function outlastCard(c: Conversation, stage: Stage, choice: number): Promise<void> {
  const card = pick(openCards(c), choice);
  await stage.world.sql.owner`update cards set expires_at = now() - interval '1 hour' where id = ${card.id}`;
  card.isLate = true;
}
