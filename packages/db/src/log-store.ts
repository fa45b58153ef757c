import { type Cursor, type LogEvent, parseCursor } from "@parley/contracts";
import type { LogPage, LogPart, LogStore } from "@parley/domain";
import { first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import { type StoredExecution, toExecution } from "./execution-json.ts";
import { uuidArray } from "./uuid-array.ts";

/** After every event. */
const END = { epoch: Number.MAX_SAFE_INTEGER, n: 2_147_483_647 };

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

  async readBack({ organizationId, conversationId, before, turnsMax, bytesMax, childrenMax }) {
    const { epoch, n } = before === null ? END : parseCursor(before);
    const rows = await guarded(
      sql<{ answer: LogPart | null }[]>`
        select read_log_back(${organizationId}, ${conversationId}, ${epoch}, ${n}, ${turnsMax}, ${bytesMax}, ${childrenMax}) as answer`,
    );
    return first(rows).answer;
  },

  async readTurn({ organizationId, conversationId, turnId, executionId }) {
    const rows = await guarded(
      sql<{ answer: LogEvent[] | null }[]>`
        select read_turn_events(${organizationId}, ${conversationId}, ${turnId}, ${executionId}) as answer`,
    );
    return first(rows).answer;
  },

  async heads(conversations) {
    if (conversations.length === 0) return new Map();
    const organizations = [...new Set(conversations.map((key) => key.organizationId))];
    const ids = conversations.map((key) => key.conversationId);
    const rows = await guarded(
      sql<{ answer: { conversationId: string; head: Cursor }[] }[]>`
        select read_heads(${uuidArray(organizations)}::uuid[], ${uuidArray(ids)}::uuid[]) as answer`,
    );
    return new Map(first(rows).answer.map(({ conversationId, head }) => [conversationId, head]));
  },
});
