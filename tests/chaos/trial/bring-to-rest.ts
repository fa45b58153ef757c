import { setTimeout as sleep } from "node:timers/promises";
import type postgres from "postgres";
import { conversationsOf } from "../check/collect-facts.ts";
import type { Caller } from "./caller.ts";
import { decideCards } from "./decide-cards.ts";
import type { Ledger } from "./ledger.ts";

interface Resting {
  sql: postgres.Sql;
  organizationId: string;
  marker: string;
  caller: Caller;
  ledger: Ledger;
  restMs: number;
}

interface Unrest {
  id: string;
  parentId: string | null;
  state: string;
  held: boolean;
  isDraining: boolean;
  queued: number;
  inbox: number;
  cardsOpen: number;
}

const LOOK_MS = 150;
/** Looks in a row that have to find nothing. */
const QUIET_LOOKS = 2;

/**
 * Waits until nothing of the trial is on its way any more, and does what only a caller can do: releases a held queue, decides
 * what is asked. Gives what is still not at rest when the time is over.
 */
export async function bringToRest({ sql, organizationId, marker, caller, ledger, restMs }: Resting): Promise<string[]> {
  const untilMs = performance.now() + restMs;
  let quiet = 0;
  for (;;) {
    const restless = await unrest(sql, await conversationsOf(sql, { organizationId, marker }));
    quiet = restless.length === 0 ? quiet + 1 : 0;
    if (quiet === QUIET_LOOKS) return [];
    if (performance.now() > untilMs) return restless.map(describe);
    for (const one of restless) await attend(one, caller, ledger);
    await sleep(LOOK_MS);
  }
}

const unrest = (sql: postgres.Sql, ids: string[]): Promise<Unrest[]> => sql<Unrest[]>`
  select * from (
    select id, parent_conversation_id as "parentId", state, held, drain_at is not null as "isDraining", cards_open as "cardsOpen",
      (select count(*)::int from messages m where m.conversation_id = c.id and m.state in ('queued', 'running')) as queued,
      (select count(*)::int from inbox i where i.conversation_id = c.id) as inbox
    from conversations c where id in ${sql(ids)}) found
  where state <> 'idle' or "isDraining" or queued > 0 or inbox > 0 or "cardsOpen" > 0`;

async function attend({ id, state, held, queued }: Unrest, caller: Caller, ledger: Ledger): Promise<void> {
  if (state === "paused") await decideCards({ caller, ledger, conversationId: id, choose: () => ["approve"], key: null });
  if (state === "idle" && held && queued > 0) await caller.call("conversation.drain", { conversationId: id });
}

const describe = ({ id, parentId, state, held, isDraining, queued, inbox, cardsOpen }: Unrest): string => {
  const facts = [
    held && "held",
    isDraining && "ordered to drain",
    `${queued} messages`,
    `${inbox} facts in its inbox`,
    `${cardsOpen} cards`,
  ];
  return `${parentId === null ? "conversation" : "background child"} ${id} rests ${state} with ${facts.filter(Boolean).join(", ")}`;
};
