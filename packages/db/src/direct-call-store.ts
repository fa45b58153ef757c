import type { DirectCallStore } from "@parley/domain";
import { guarded, type Sql } from "./connect.ts";

export const createDirectCallStore = (sql: Sql): DirectCallStore => ({
  async append(records) {
    await guarded(sql`select record_direct_calls(${JSON.stringify(records)}::text::jsonb)`);
  },
});
