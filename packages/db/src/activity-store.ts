import type { ActivityPage, ActivityStore, RelayStore, StoredActivity } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import { uuidArray } from "./uuid-array.ts";

export const createActivityStore = (sql: Sql): ActivityStore => ({
  read: (view, part) => call<ActivityPage>(sql, "read_activity", { ...view, ...part }),

  newest: (view, limit) => call<StoredActivity[]>(sql, "read_newest_activity", { ...view, limit }),

  async heads(organizationIds) {
    const rows = await guarded(
      sql<{ heads: Record<string, number> }[]>`select read_activity_heads(${uuidArray(organizationIds)}::uuid[]) as heads`,
    );
    return new Map(Object.entries(first(rows).heads));
  },
});

/** Over a connection of the sweep's role. */
export const createRelayStore = (sql: Sql): RelayStore => ({
  async holdOffice(office, worker, holdMs) {
    const rows = await guarded(sql<{ held: boolean }[]>`select hold_office(${office}, ${worker}, ${holdMs}) as held`);
    return first(rows).held;
  },

  async relay({ rowsMax, days }) {
    const rows = await guarded(
      sql<
        { told: { organizations: string[]; more: boolean } }[]
      >`select relay_activity(${rowsMax}, make_interval(days => ${days})) as told`,
    );
    return first(rows).told;
  },
});
