import type { SessionRecord, SessionStore } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";

export const createSessionStore = (sql: Sql): SessionStore => ({
  async findByHash(hash) {
    const rows = await guarded(sql<{ answer: SessionRecord | null }[]>`select find_session(${Buffer.from(hash, "hex")}) as answer`);
    return first(rows).answer;
  },
  create: (session, perPrincipalMax) => call(sql, "open_session", { ...session, perPrincipalMax }),
  list: (organizationId, principalId) => call(sql, "open_sessions", { organizationId, principalId }),
  revoke: (organizationId, { id, principalId }) => call(sql, "end_session", { organizationId, id, principalId }),
});
