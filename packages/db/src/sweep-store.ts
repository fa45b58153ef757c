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
    const keys = await guarded(
      sql<{ gone: number }[]>`select forget_idempotency_keys(make_interval(hours => ${idempotencyKeptHours}), ${rowsMax}) as gone`,
    );
    const journal = await guarded(
      sql<{ gone: number }[]>`select forget_journal(make_interval(days => ${journalKeptDays}), ${rowsMax}) as gone`,
    );
    const peers = await guarded(
      sql<{ gone: number }[]>`select forget_peer_calls(make_interval(days => ${journalKeptDays}), ${rowsMax}) as gone`,
    );
    const calls = await guarded(
      sql<{ gone: number }[]>`select case when ${directCallsKeptDays} = 0 then 0 else
        forget_direct_calls(make_interval(days => ${directCallsKeptDays}), ${rowsMax}) end as gone`,
    );
    const spent = await guarded(
      sql<{ gone: number }[]>`select case when ${directCallsKeptDays} = 0 then 0 else
        forget_spent(make_interval(days => ${directCallsKeptDays}), ${rowsMax}) end as gone`,
    );
    const webhooks = await guarded(
      sql<{ gone: number }[]>`select forget_webhooks(make_interval(days => ${webhooksKeptDays}), ${rowsMax}) as gone`,
    );
    const pushes = await guarded(
      sql<{ gone: number }[]>`select forget_a2a_pushes(make_interval(days => ${webhooksKeptDays}), ${rowsMax}) as gone`,
    );
    const responses = await guarded(
      sql<{ gone: number }[]>`select case when ${responsesKeptDays} = 0 then 0 else
        forget_responses(make_interval(days => ${responsesKeptDays}), ${rowsMax}) end as gone`,
    );
    const spoken = await guarded(
      sql<{ gone: number }[]>`select case when ${itemConversationsKeptDays} = 0 then 0 else
        forget_item_conversations(make_interval(days => ${itemConversationsKeptDays}), ${rowsMax}) end as gone`,
    );
    const activity = await guarded(
      sql<{ gone: number }[]>`select forget_activity(make_interval(days => ${activityKeptDays}), ${rowsMax}) as gone`,
    );
    const offers = await guarded(sql<{ gone: number }[]>`select forget_offers(${rowsMax}) as gone`);
    const sold = await guarded(
      sql<{ gone: number }[]>`select forget_sold_calls(make_interval(days => ${soldCallsKeptDays}), ${rowsMax}) as gone`,
    );
    const events = await guarded(
      sql<{ gone: number }[]>`select forget_card_events(make_interval(days => ${cardEventsKeptDays}), ${rowsMax}) as gone`,
    );
    const paid = await guarded(
      sql<{ gone: number }[]>`select case when ${cardPaymentsKeptDays} = 0 then 0 else
        forget_card_payments(make_interval(days => ${cardPaymentsKeptDays}), ${rowsMax}) end as gone`,
    );
    const all = [keys, journal, peers, calls, spent, webhooks, pushes, activity, responses, spoken, offers, sold, events, paid];
    return all.some((rows) => first(rows).gone >= rowsMax);
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
