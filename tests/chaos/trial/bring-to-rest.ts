import { setTimeout as sleep } from "node:timers/promises";
import type { OpenclawServer } from "@parley/testkit/openclaw-server";
import type { PeerServer } from "@parley/testkit/peer-server";
import type postgres from "postgres";
import { conversationsOf } from "../check/collect-facts.ts";
import type { Caller } from "./caller.ts";
import { decideCards } from "./decide-cards.ts";
import type { Ledger } from "./ledger.ts";
import { stillOwed } from "./still-owed.ts";

interface Resting {
  sql: postgres.Sql;
  peer: Pick<PeerServer, "tasks">;
  claw: Pick<OpenclawServer, "journalOfRuns">;
  organizationId: string;
  marker: string;
  caller: Caller;
  ledger: Ledger;
  /** How long nothing may happen before what is left counts as stuck: a busy machine is slow, but not idle. */
  stuckMs: number;
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
  /** Changes with everything that is written to its log. */
  head: string;
}

const LOOK_MS = 150;
/** In all, as often as `stuckMs`: what goes on for ever is not at rest either. */
const PATIENCE = 8;
/** Looks in a row that have to find nothing. */
const QUIET_LOOKS = 2;

/**
 * Waits until nothing of the trial is on its way any more, and does what only a caller can do: releases a held queue, decides
 * what is asked. Gives what is not at rest though nothing has happened for that long, or things happen without an end.
 */
export async function bringToRest({ sql, peer, claw, organizationId, marker, caller, ledger, stuckMs }: Resting): Promise<string[]> {
  const untilMs = performance.now() + PATIENCE * stuckMs;
  let seen = "";
  let sinceMs = performance.now();
  let quiet = 0;
  for (;;) {
    const ids = await conversationsOf(sql, { organizationId, marker });
    const restless = await unrest(sql, ids);
    const owed = await stillOwed({ sql, peer, claw, organizationId, marker, ids });
    quiet = restless.length === 0 && owed.length === 0 ? quiet + 1 : 0;
    if (quiet === QUIET_LOOKS) return [];
    const now = JSON.stringify([restless, owed]);
    if (now !== seen) sinceMs = performance.now();
    if (performance.now() > Math.min(untilMs, sinceMs + stuckMs)) return [...restless.map(describe), ...owed];
    seen = now;
    for (const one of restless) await attend(one, caller, ledger);
    await sleep(LOOK_MS);
  }
}

const unrest = (sql: postgres.Sql, ids: string[]): Promise<Unrest[]> => sql<Unrest[]>`
  select * from (
    select id, parent_conversation_id as "parentId", state, held, drain_at is not null as "isDraining", cards_open as "cardsOpen",
      head_epoch || '-' || head_n as head,
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
