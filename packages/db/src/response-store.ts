import type {
  ClaimedResponse,
  ContextBounds,
  Item,
  Json,
  LoadedItems,
  ResponseStatus,
  ResponseStore,
  ResponseTurn,
  StoredConversation,
  StoredResponse,
} from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

/** Items are kept as text: JSON may hold what Postgres' own does not take. */
const written = (items: readonly Item[]) => items.map((item) => ({ id: item.id, item: JSON.stringify(item) }));
const read = (items: readonly string[]): Item[] => items.map((item) => JSON.parse(item));

type Snapshot = Json & { status: ResponseStatus; output: Item[] };
interface LoadedRow {
  state: LoadedItems["state"];
  items?: string[];
  turn?: ResponseTurn | null;
}
type ConversationRow = Omit<StoredConversation, "metadata"> & { metadata: string };

const loaded = ({ state, items, turn = null }: LoadedRow): LoadedItems =>
  state === "found" ? { state, turn, items: read(items ?? []) } : { state };

const conversationOf = (row: ConversationRow | null): StoredConversation | null =>
  row === null ? null : { ...row, metadata: JSON.parse(row.metadata) };

export const createResponseStore = (sql: Sql): ResponseStore => ({
  async save({ responseId, job, snapshot, inputs, ...response }, { waitingMax }) {
    await call(sql, "save_response", {
      ...response,
      id: responseId,
      waitingMax,
      status: snapshot.status,
      job: job === null ? null : JSON.stringify(job),
      snapshot: JSON.stringify(snapshot),
      inputs: written(inputs),
      outputs: written(snapshot.output),
    });
  },

  async claim({ organizationId, responseId }, how): Promise<ClaimedResponse> {
    const claimed = await call<ClaimedResponse & { job?: string }>(sql, "claim_response", { organizationId, id: responseId, ...how });
    return claimed.state === "claimed" ? { ...claimed, job: JSON.parse(claimed.job ?? "null") } : claimed;
  },

  async append({ organizationId, responseId }, { snapshot, ...progress }) {
    await call(sql, "append_response", {
      ...{ organizationId, id: responseId, ...progress },
      snapshot: snapshot === null ? null : JSON.stringify(snapshot),
      outputs: snapshot === null ? [] : written(snapshot.output),
    });
  },

  async giveBack({ organizationId, responseId }, epoch) {
    await call(sql, "give_response_back", { organizationId, id: responseId, epoch });
  },

  async read({ organizationId, responseId }) {
    const row = await call<(Omit<StoredResponse, "snapshot"> & { snapshot: string }) | null>(sql, "read_response", {
      organizationId,
      id: responseId,
    });
    return row === null ? null : { ...row, snapshot: JSON.parse(row.snapshot) as Snapshot };
  },

  readEvents: ({ organizationId, responseId }, after) => call(sql, "read_response_events", { organizationId, id: responseId, after }),

  delete: ({ organizationId, responseId }) => call<boolean>(sql, "delete_response", { organizationId, id: responseId }),

  async readInput({ organizationId, responseId }) {
    const items = await call<string[] | null>(sql, "read_response_input", { organizationId, id: responseId });
    return items === null ? null : read(items);
  },

  async loadChain({ organizationId, responseId }, bounds: ContextBounds) {
    return loaded(await call<LoadedRow>(sql, "load_chain", { organizationId, id: responseId, ...bounds }));
  },

  async findItems(organizationId, ids) {
    const found = await call<Record<string, string>>(sql, "find_items", { organizationId, ids });
    return new Map(Object.entries(found).map(([id, item]) => [id, JSON.parse(item)]));
  },

  async makeConversation({ organizationId, conversationId }, { metadata, items, itemsMax }) {
    const made = { organizationId, id: conversationId, metadata: JSON.stringify(metadata), items: written(items), itemsMax };
    const conversation = conversationOf(await call<ConversationRow>(sql, "make_item_conversation", made));
    if (conversation === null) throw new Error("A conversation that was made is not there.");
    return conversation;
  },

  async readConversation({ organizationId, conversationId }) {
    return conversationOf(await call<ConversationRow | null>(sql, "read_item_conversation", { organizationId, id: conversationId }));
  },

  async changeConversation({ organizationId, conversationId }, { metadata, agents }) {
    const change = { organizationId, id: conversationId, metadata: metadata && JSON.stringify(metadata), agents };
    return conversationOf(await call<ConversationRow | null>(sql, "change_item_conversation", change));
  },

  deleteConversation: ({ organizationId, conversationId }) =>
    call<boolean>(sql, "delete_item_conversation", { organizationId, id: conversationId }),

  async addItems({ organizationId, conversationId }, items, itemsMax) {
    await call(sql, "add_conversation_items", { organizationId, id: conversationId, items: written(items), itemsMax });
  },

  async loadItems({ organizationId, conversationId }, bounds) {
    return loaded(await call<LoadedRow>(sql, "load_conversation_items", { organizationId, id: conversationId, ...bounds }));
  },

  deleteItem: ({ organizationId, conversationId }, itemId) =>
    call<boolean>(sql, "delete_conversation_item", { organizationId, id: conversationId, itemId }),
});
