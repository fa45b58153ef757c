import type { DirectCallStore } from "@parley/domain";
import { guarded, type Sql } from "./connect.ts";

export const createDirectCallStore = (sql: Sql): DirectCallStore => ({
  async append(records) {
    const calls = records.map(({ attempt, ...record }) => ({ ...record, ...attempt }));
    await guarded(sql`select record_direct_calls(${JSON.stringify(calls)}::text::jsonb)`);
  },
});
