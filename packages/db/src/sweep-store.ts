import type { ConversationKey, SweepStore } from "@parley/domain";
import { first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

/** How long a repeated call still gets its first answer. */
const IDEMPOTENCY_KEPT = "24 hours";

/** Over a connection of the sweep's own role. */
export const createSweepStore = (sql: Sql): SweepStore => ({
  async holdOffice(office, worker, holdMs) {
    const rows = await guarded(sql<{ held: boolean }[]>`select hold_office(${office}, ${worker}, ${holdMs}) as held`);
    return first(rows).held;
  },

  async takeRepairs({ takeovers, repairsMax }) {
    const rows = await guarded(sql<{ found: ConversationKey[] }[]>`select take_repairs(${takeovers}, ${repairsMax}) as found`);
    return first(rows).found;
  },

  async keepHouse() {
    await guarded(sql`select ensure_partitions(), forget_idempotency_keys(${IDEMPOTENCY_KEPT}::interval)`);
  },
});
