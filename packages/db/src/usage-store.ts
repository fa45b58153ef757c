import type { UsageStore } from "@parley/domain";
import { call } from "./call.ts";
import type { Sql } from "./connect.ts";

export const createUsageStore = (sql: Sql): UsageStore => ({
  async recordBeside({ organizationId, conversationId }, usage) {
    await call(sql, "record_usage_beside", { organizationId, conversationId, usage });
  },
});
