import type { CompactionStore, CompactionWork, PostedElsewhere } from "@parley/domain";
import { call } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

type Installed = ({ outcome: "installed" } & Omit<PostedElsewhere, "conversationId">) | { outcome: "dropped" };

export const createCompactionStore = (sql: Sql): CompactionStore => ({
  async mark({ organizationId, conversationId }) {
    await guarded(sql`select mark_compaction(${organizationId}, ${conversationId})`);
  },

  claim: ({ organizationId, conversationId }, holder, bounds) =>
    call<CompactionWork | null>(sql, "claim_compaction", { organizationId, conversationId, holder, ...bounds }),

  async install({ organizationId, conversationId }, summary, memoriesPerScopeMax) {
    const installed = await call<Installed>(sql, "install_summary", { organizationId, conversationId, ...summary, memoriesPerScopeMax });
    return installed.outcome === "installed" ? { ...installed, conversationId } : null;
  },

  async finish({ organizationId, conversationId }, holder, marks) {
    await guarded(sql`select finish_compaction(${organizationId}, ${conversationId}, ${holder}, ${marks})`);
  },

  async postpone({ organizationId, conversationId }, holder, { delayMs, failed }) {
    await guarded(sql`select postpone_compaction(${organizationId}, ${conversationId}, ${holder}, ${delayMs}, ${failed})`);
  },
});
