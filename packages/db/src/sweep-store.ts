import type { ConversationKey, HookDeliveryKey, MediaKey, ReadyConversation, ResponseKey, SweepStore } from "@parley/domain";
import { first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import { uuidArray } from "./uuid-array.ts";

/** Over a connection of the sweep's own role. */
export const createSweepStore = (sql: Sql): SweepStore => ({
  async holdOffice(office, worker, holdMs) {
    const rows = await guarded(sql<{ held: boolean }[]>`select hold_office(${office}, ${worker}, ${holdMs}) as held`);
    return first(rows).held;
  },

  async takeRepairs({ takeovers, repairsMax }) {
    const rows = await guarded(
      sql<{ found: ConversationKey[] }[]>`select take_repairs(${takeovers}, ${repairsMax}) || take_expired(${repairsMax}) as found`,
    );
    return first(rows).found;
  },

  async findReady({ eachMax, totalMax }) {
    const rows = await guarded(sql<{ found: ReadyConversation[] }[]>`select find_ready(${eachMax}, ${totalMax}) as found`);
    return first(rows).found;
  },

  async stillReady(conversations) {
    const ids = conversations.map(({ conversationId }) => conversationId);
    const rows = await guarded(
      sql<{ id: string }[]>`select id from conversations where id = any (${uuidArray(ids)}::uuid[]) and state = 'ready'`,
    );
    const ready = new Set(rows.map(({ id }) => id));
    return conversations.filter(({ conversationId }) => ready.has(conversationId));
  },

  async countKicks(conversations) {
    const ids = conversations.map(({ conversationId }) => conversationId);
    await guarded(sql`select count_kicks(${uuidArray(ids)}::uuid[])`);
  },

  async readWeights() {
    const rows = await guarded(sql<{ weights: Record<string, number> }[]>`select read_weights() as weights`);
    return new Map(Object.entries(first(rows).weights));
  },

  async takeCompactions(rowsMax) {
    const rows = await guarded(sql<{ found: ConversationKey[] }[]>`select take_compactions(${rowsMax}) as found`);
    return first(rows).found;
  },

  async returnRepairs(conversations) {
    const ids = conversations.map(({ conversationId }) => conversationId);
    await guarded(sql`select return_repairs(${uuidArray(ids)}::uuid[])`);
  },

  async prepareMonths() {
    await guarded(sql`select ensure_partitions()`);
    await guarded(sql`select drop_empty_partitions()`);
  },

  async takeResponses({ takeovers, rowsMax }) {
    const rows = await guarded(
      sql<{ found: (ResponseKey & { epoch: number })[] }[]>`select take_responses(${rowsMax}, ${takeovers}) as found`,
    );
    return first(rows).found;
  },

  async forget(limits, rowsMax) {
    const { idempotencyKeptHours, journalKeptDays, directCallsKeptDays, webhooksKeptDays, activityKeptDays } = limits;
    const { responsesKeptDays, itemConversationsKeptDays, soldCallsKeptDays, cardEventsKeptDays, cardPaymentsKeptDays } = limits;
    const older = (name: string, hours: number) => sql`select ${sql(name)}(make_interval(hours => ${hours}), ${rowsMax}) as gone`;
    const past = (name: string, days: number) => older(name, days * 24);
    /** Where none are set they are kept for ever. */
    const unlessKept = (name: string, days: number) => (days === 0 ? [] : [past(name, days)]);
    // One after the other, and each whatever becomes of those before it. A failure is told once nothing is left of the others: whoever is told ends the round.
    let hasMore = false;
    let failure: unknown = null;
    for (const forgetting of [
      older("forget_idempotency_keys", idempotencyKeptHours),
      past("forget_journal", journalKeptDays),
      past("forget_peer_calls", journalKeptDays),
      ...unlessKept("forget_direct_calls", directCallsKeptDays),
      ...unlessKept("forget_spent", directCallsKeptDays),
      past("forget_webhooks", webhooksKeptDays),
      past("forget_a2a_pushes", webhooksKeptDays),
      ...unlessKept("forget_responses", responsesKeptDays),
      ...unlessKept("forget_item_conversations", itemConversationsKeptDays),
      past("forget_activity", activityKeptDays),
      sql`select forget_offers(${rowsMax}) as gone`,
      past("forget_sold_calls", soldCallsKeptDays),
      past("forget_channels", soldCallsKeptDays),
      past("forget_card_events", cardEventsKeptDays),
      ...unlessKept("forget_card_payments", cardPaymentsKeptDays),
    ]) {
      try {
        const rows = await guarded(forgetting);
        hasMore ||= Number(first(rows)["gone"]) >= rowsMax;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null && !hasMore) throw failure;
    return hasMore;
  },

  async loseKeepers() {
    await guarded(sql`select lose_keepers()`);
  },

  async findSettlements({ leftMs, quietMs, rowsMax }) {
    const rows = await guarded(
      sql<{ found: Awaited<ReturnType<SweepStore["findSettlements"]>> }[]>`
        select find_settlements(make_interval(secs => ${leftMs / 1_000}), make_interval(secs => ${quietMs / 1_000}), ${rowsMax}) as found`,
    );
    return first(rows).found;
  },

  async lookAtBooks({ entriesMax, settledMs }) {
    const rows = await guarded(
      sql<{ seen: Awaited<ReturnType<SweepStore["lookAtBooks"]>> }[]>`
        select look_at_books(${entriesMax}, make_interval(secs => ${settledMs / 1_000})) as seen`,
    );
    return first(rows).seen;
  },

  async findCardLook() {
    const rows = await guarded(sql<{ epoch: number | null }[]>`select find_card_look() as epoch`);
    return first(rows).epoch;
  },

  async takeWaitingHooks(rowsMax) {
    const rows = await guarded(sql<{ found: HookDeliveryKey[] }[]>`select take_waiting_hooks(${rowsMax}) as found`);
    return first(rows).found;
  },

  async findUnposted(organizationsMax) {
    const rows = await guarded(sql<{ found: string[] }[]>`select find_unposted(${organizationsMax}) as found`);
    return first(rows).found;
  },

  async takeGoneMedia({ unfinishedAfterMs, rowsMax }) {
    const rows = await guarded(
      sql<{ found: MediaKey[] }[]>`
        select take_gone_media(make_interval(secs => ${unfinishedAfterMs / 1_000}), ${rowsMax}) as found`,
    );
    return first(rows).found;
  },

  async takeUnlooked({ hours, conversationsMax }) {
    const rows = await guarded(
      sql<{ found: ConversationKey[] }[]>`select take_unlooked(make_interval(hours => ${hours}), ${conversationsMax}) as found`,
    );
    return first(rows).found;
  },
});
