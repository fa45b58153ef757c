import { type EventOf, type EventType, isTurnEnd, type LogEvent, START } from "@parley/contracts";
import { expect } from "vitest";
import type { Conversation, Message, Turn } from "../spec/conversation.ts";
import { keyOf, type Stage } from "../stage/stage.ts";

/** At rest: every message has ended as the spec says, visibly and once; so has every turn; and nothing is left over anywhere. */
export async function expectAllEnded(c: Conversation, stage: Stage): Promise<void> {
  if (stage.conversationId === null) return;
  const { owner } = stage.world.sql;
  const { conversationId } = keyOf(stage);
  const messages = await owner<{ id: string; state: string; turnId: string | null }[]>`
    select id, state, case when state in ('done', 'merged') then coalesce(merged_into, steers_turn, turn_id) end as "turnId"
    from messages where conversation_id = ${conversationId} order by id`;
  const due = c.messages.map(({ id, state, turn }) => ({ id, state, turnId: turn?.message.turnId ?? null }));
  expect([...messages]).toEqual(due.toSorted((one, other) => (one.id < other.id ? -1 : 1)));
  for (const { state } of messages) expect(["done", "merged", "cancelled", "expired"]).toContain(state);

  const turns = await owner<{ id: string; status: string; reason: string | null; isVisible: boolean }[]>`
    select t.id, t.status, t.reason, c.visible @> t.number as "isVisible" from turns t join conversations c on c.id = t.conversation_id
    where c.id = ${conversationId} order by t.number`;
  expect([...turns]).toEqual(c.turns.map(rowOf));

  const [left] = await owner`select (select count(*)::int from inbox where conversation_id = ${conversationId}) as inbox,
    (select count(*)::int from cards where conversation_id = ${conversationId} and status = 'open') as cards,
    (select count(*)::int from checkpoints where conversation_id = ${conversationId}) as checkpoints`;
  expect(left).toEqual({ inbox: 0, cards: 0, checkpoints: 0 });

  expectTold(c, await readLog(stage));
}

const rowOf = ({ message, end, isVisible }: Turn) => ({
  id: message.turnId,
  status: end === "completed" ? "completed" : "stopped",
  reason: end === "completed" ? null : end,
  isVisible,
});

async function readLog(stage: Stage): Promise<LogEvent[]> {
  const page = await stage.world.database.logs.read({ ...keyOf(stage), after: START, limit: 10_000 });
  if (page === null) throw new Error("There is no log.");
  return page.events;
}

/** The log says of every message how it was taken and how it ended, and of every turn that it began and ended once. */
function expectTold(c: Conversation, log: LogEvent[]): void {
  const of = <Type extends EventType>(...types: Type[]) =>
    log.filter((event): event is LogEvent & EventOf<Type> => types.includes(event.type as Type));
  const ends = log.filter(({ type }) => isTurnEnd(type));
  expect(ends.map(({ turnId, type, data }) => [turnId, "reason" in data ? data.reason : type])).toEqual(
    c.turns.map(({ message, end }) => [message.turnId, end === "completed" ? "turn.completed" : end]),
  );
  expect(of("turn.created").map(({ data }) => [data.messageId, data.merged?.map(({ messageId }) => messageId) ?? []])).toEqual(
    c.turns.map(({ message, merged }) => [message.id, merged.map(({ id }) => id)]),
  );
  const heard = of("steer.applied").map(({ turnId, data }) => [turnId, data.messageId]);
  expect(heard).toEqual(c.turns.flatMap((turn) => turn.heard.map(({ id }) => [turn.message.turnId, id])));
  const gone = of("queue.updated").flatMap(({ data: { action, messageId, messageIds } }) =>
    action === "cancel" || action === "clear" || action === "expire" ? (messageIds ?? [messageId]) : [],
  );
  const isGone = ({ state }: Message): boolean => state === "cancelled" || state === "expired";
  expect(gone.toSorted()).toEqual(
    c.messages
      .filter(isGone)
      .map(({ id }) => id)
      .toSorted(),
  );
  const closed = of("card.closed").map(({ data }) => `${data.cardId} ${data.outcome}`);
  expect(closed.toSorted()).toEqual(c.cards.map(({ id, status }) => `${id} ${status}`).toSorted());
}
