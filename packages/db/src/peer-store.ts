import type { Page, Peer } from "@parley/contracts";
import type { BegunPeerCall, BroughtPeer, PeerCallRow, PeerCallStore, PeerOutbox, PeerStore, StoredPeer } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import { uuidArray } from "./uuid-array.ts";

type Listed<Item> = Pick<Page<Item>, "items" | "total">;

export const createPeerStore = (sql: Sql): PeerStore => ({
  create: (peer) => call<Peer>(sql, "create_peer", peer),

  change: (change) => call<Peer | null>(sql, "change_peer", change),

  async delete(organizationId, id) {
    const rows = await guarded(sql<{ gone: boolean }[]>`select delete_peer(${organizationId}, ${id}) as gone`);
    return first(rows).gone;
  },

  async list(organizationId, { page, perPage }) {
    const rows = await guarded(
      sql<{ found: Listed<Peer> }[]>`select list_peers(${organizationId}, ${(page - 1) * perPage}, ${perPage}) as found`,
    );
    return { ...first(rows).found, page, perPage };
  },

  async find(organizationId, ids) {
    if (ids.length === 0) return [];
    const rows = await guarded(sql<{ found: StoredPeer[] }[]>`select find_peers(${organizationId}, ${uuidArray(ids)}::text[]) as found`);
    return first(rows).found;
  },
});

export const createPeerCallStore = (sql: Sql): PeerCallStore => ({
  async brought(organizationId, turnId) {
    const rows = await guarded(sql<{ found: BroughtPeer[] }[]>`select read_turn_peers(${organizationId}, ${turnId}) as found`);
    return first(rows).found;
  },

  async find(organizationId, id) {
    const rows = await guarded(sql<{ found: PeerCallRow | null }[]>`select read_peer_call(${organizationId}, ${id}) as found`);
    return first(rows).found;
  },

  price: (organizationId, id) => call<{ micros: number; assumed: boolean }>(sql, "price_peer_call", { organizationId, id }),

  begin: (key) => call<BegunPeerCall>(sql, "begin_peer_call", key),

  recordTask: (task) => call<boolean>(sql, "record_peer_task", task),

  async recordRefused(organizationId, id) {
    await guarded(sql`select record_refused_call(${organizationId}, ${id})`);
  },

  async recordTokens({ organizationId, id, inputTokens, outputTokens, estimated }) {
    await guarded(sql`select record_peer_tokens(${organizationId}, ${id}, ${inputTokens}, ${outputTokens}, ${estimated})`);
  },

  async pushed(id, tokenHash) {
    const rows = await guarded(
      sql<{ found: Awaited<ReturnType<PeerCallStore["pushed"]>> }[]>`
        select read_pushed_call(${id}, decode(${tokenHash}, 'hex')) as found`,
    );
    return first(rows).found;
  },

  async endCancel({ organizationId, id, outcome, taskId }) {
    await guarded(sql`select end_peer_cancel(${organizationId}, ${id}, ${outcome}, ${taskId})`);
  },

  async deferCancel({ organizationId, id, outcome, taskId }) {
    await guarded(sql`select defer_peer_cancel(${organizationId}, ${id}, ${outcome}, ${taskId})`);
  },
});

/** Over a connection of the sweep's own role. */
export const createPeerOutbox = (sql: Sql): PeerOutbox => ({
  async take(rowsMax) {
    const rows = await guarded(sql<{ taken: PeerCallRow[] }[]>`select take_peer_cancels(${rowsMax}) as taken`);
    return first(rows).taken;
  },
});
