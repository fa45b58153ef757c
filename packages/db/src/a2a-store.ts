import type { A2aCardFacts, A2aPush } from "@parley/contracts";
import type { A2aOutbox, A2aPlace, A2aStore, DueA2aPush, StoredA2aTask } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

interface Listed {
  items: StoredA2aTask[];
  total: number;
  next: A2aPlace | null;
}

export const createA2aStore = (sql: Sql): A2aStore => ({
  async begin(task) {
    await call(sql, "begin_a2a_task", task);
  },
  async say(message) {
    await call(sql, "say_to_a2a_task", message);
  },
  find: (owner, wanted) => call<StoredA2aTask | null>(sql, "find_a2a_task", { ...owner, ...wanted }),
  read: (key) => call<StoredA2aTask | null>(sql, "read_a2a_task", key),
  findContext: (owner, contextId) => call<string | null>(sql, "find_a2a_context", { ...owner, contextId }),
  list: (owner, filter) => call<Listed>(sql, "list_a2a_tasks", { ...owner, ...filter }),
  savePush: (push) => call<A2aPush>(sql, "save_a2a_push", push),
  pushes: (key) => call<A2aPush[]>(sql, "list_a2a_pushes", key),
  async deletePush(key) {
    await call(sql, "delete_a2a_push", key);
  },
  async recordPush(record) {
    await call(sql, "record_a2a_push", record);
  },
  async card(agentId) {
    const rows = await guarded(sql<{ card: A2aCardFacts | null }[]>`select find_a2a_card(${agentId}) as card`);
    return first(rows).card;
  },
});

/** Over a connection of the sweep's own role. */
export const createA2aOutbox = (sql: Sql): A2aOutbox => ({
  async take({ rowsMax, leaseMs }) {
    const rows = await guarded(sql<{ taken: DueA2aPush[] }[]>`select take_a2a_pushes(${rowsMax}, ${leaseMs}) as taken`);
    return first(rows).taken;
  },
});
