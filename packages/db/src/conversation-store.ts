import type { Cursor, DrainResult, RunState } from "@parley/contracts";
import type { ConversationStore, Posted, Stopped, Submitted } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import { type StoredExecution, toExecution } from "./execution-json.ts";

type Stored<Answer> = Omit<Answer, "nudge" | "execution"> & { nudge?: string | null; execution?: StoredExecution | null };

export const createConversationStore = (sql: Sql): ConversationStore => ({
  async submit(message) {
    const answer = await call<Stored<Submitted>>(sql, "submit_message", message);
    return {
      ...answer,
      epoch: answer.epoch ?? 0,
      isChild: false,
      nudge: answer.nudge ?? null,
      execution: answer.execution ? toExecution(answer.execution) : null,
    };
  },

  async stop({ organizationId, conversationId }, { turnId, clearQueue }) {
    const rows = await guarded(
      sql<{ answer: Posted & Stopped }[]>`
        select stop_conversation(${organizationId}, ${conversationId}, ${turnId}, ${clearQueue}) as answer`,
    );
    return first(rows).answer;
  },

  async cancel({ organizationId, conversationId }, messageId) {
    const rows = await guarded(
      sql<{ answer: Posted & { cancelled: number; queueDepth: number } }[]>`
        select cancel_message(${organizationId}, ${conversationId}, ${messageId}) as answer`,
    );
    return first(rows).answer;
  },

  async clear({ organizationId, conversationId }) {
    const rows = await guarded(
      sql<{ answer: Posted & { cancelled: number; queueDepth: number } }[]>`
        select clear_queue(${organizationId}, ${conversationId}) as answer`,
    );
    return first(rows).answer;
  },

  async orderDrain({ organizationId, conversationId }) {
    const rows = await guarded(
      sql<{ answer: { action: DrainResult["action"]; queueDepth: number; cursor: Cursor; execution: StoredExecution } }[]>`
        select order_drain(${organizationId}, ${conversationId}) as answer`,
    );
    const { answer } = first(rows);
    return { ...answer, execution: toExecution(answer.execution) };
  },

  async runState({ organizationId, conversationId }) {
    const rows = await guarded(sql<{ answer: RunState | null }[]>`select read_run_state(${organizationId}, ${conversationId}) as answer`);
    return first(rows).answer;
  },
});
