import { type Cursor, parseCursor } from "@parley/contracts";
import type { LogPage, LogStore } from "@parley/domain";
import { first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import { type StoredExecution, toExecution } from "./execution-json.ts";

type StoredPage = Omit<LogPage, "more" | "execution"> & { execution: StoredExecution };

export const createLogStore = (sql: Sql): LogStore => ({
  async read({ organizationId, conversationId, after, limit }) {
    const { epoch, n } = parseCursor(after);
    const rows = await guarded(
      sql<{ answer: StoredPage | null }[]>`select read_log(${organizationId}, ${conversationId}, ${epoch}, ${n}, ${limit}) as answer`,
    );
    const { answer } = first(rows);
    if (answer === null) return null;
    return { ...answer, execution: toExecution(answer.execution), more: answer.events.length === limit };
  },

  async heads(conversations) {
    if (conversations.length === 0) return new Map();
    const organizations = [...new Set(conversations.map((key) => key.organizationId))];
    const ids = conversations.map((key) => key.conversationId);
    const rows = await guarded(
      sql<{ answer: { conversationId: string; head: Cursor }[] }[]>`
        select read_heads(${sql.array(organizations)}::uuid[], ${sql.array(ids)}::uuid[]) as answer`,
    );
    return new Map(first(rows).answer.map(({ conversationId, head }) => [conversationId, head]));
  },
});
