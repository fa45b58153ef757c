import type { Branch, Cursor, DrainResult, MessageView, Page, ResetResult } from "@parley/contracts";
import type { ConversationStore, DoomedChild, Posted, Stopped, StoredCard, StoredRunState, Submitted } from "@parley/domain";
import { call, first } from "./call.ts";
import { guarded, type Sql } from "./connect.ts";
import { type StoredExecution, toExecution } from "./execution-json.ts";
import { uuidArray } from "./uuid-array.ts";

type Stored<Answer> = Omit<Answer, "nudge" | "execution"> & { nudge?: string | null; execution?: StoredExecution | null };

export const createConversationStore = (sql: Sql): ConversationStore => ({
  async submit(message) {
    const plain = message.past === null ? "submit_message" : "submit_seeded_message";
    const answer = await call<Stored<Submitted>>(sql, message.peers === undefined ? plain : "submit_with_peers", message);
    return {
      ...answer,
      epoch: answer.epoch ?? 0,
      isChild: false,
      doomed: answer.doomed ?? [],
      nudge: answer.nudge ?? null,
      execution: answer.execution ? toExecution(answer.execution) : null,
    };
  },

  stop: (key, options) => call<Posted & Stopped>(sql, "stop_conversation", { ...key, ...options }),

  async cancel({ organizationId, conversationId }, messageId) {
    const rows = await guarded(
      sql<{ answer: Posted & { cancelled: number; queueDepth: number } }[]>`
        select cancel_message(${organizationId}, ${conversationId}, ${messageId}) as answer`,
    );
    return first(rows).answer;
  },

  async reset(key) {
    const answer = await call<Stored<Posted & Pick<ResetResult, "branch" | "messageCount"> & { doomed: DoomedChild[] }>>(
      sql,
      "reset_conversation",
      key,
    );
    return { ...answer, epoch: answer.epoch ?? 0, isChild: false, nudge: answer.nudge ?? null };
  },

  async clear({ organizationId, conversationId }) {
    const rows = await guarded(
      sql<{ answer: Posted & { cancelled: number; queueDepth: number } }[]>`
        select clear_queue(${organizationId}, ${conversationId}) as answer`,
    );
    return first(rows).answer;
  },

  async change(key, change) {
    const answer = await call<Stored<Posted & { messageId: string; position: number; queueDepth: number }>>(sql, "change_message", {
      ...key,
      ...change,
    });
    return { ...answer, nudge: answer.nudge ?? null };
  },

  async findMessage({ organizationId, conversationId }, messageId) {
    const rows = await guarded(
      sql<{ answer: MessageView | null }[]>`select read_message(${organizationId}, ${conversationId}, ${messageId}) as answer`,
    );
    return first(rows).answer;
  },

  async findCard({ organizationId, conversationId }, cardId) {
    const rows = await guarded(
      sql<{ answer: StoredCard | null }[]>`select read_card(${organizationId}, ${conversationId}, ${cardId}) as answer`,
    );
    return first(rows).answer;
  },

  answerCard: (key, { answers, ...decision }) =>
    decide(sql, { ...key, ...decision, kind: "questions", outcome: "answered", answer: { answers } }),

  decideCard: (key, { comment, ...decision }) => decide(sql, { ...key, ...decision, kind: "approval", answer: { comment } }),

  async orderDrain({ organizationId, conversationId }) {
    const rows = await guarded(
      sql<{ answer: { action: DrainResult["action"]; queueDepth: number; cursor: Cursor; execution: StoredExecution } }[]>`
        select order_drain(${organizationId}, ${conversationId}) as answer`,
    );
    const { answer } = first(rows);
    return { ...answer, execution: toExecution(answer.execution) };
  },

  async runState({ organizationId, conversationId }) {
    const rows = await guarded(
      sql<{ answer: StoredRunState | null }[]>`select read_run_state(${organizationId}, ${conversationId}) as answer`,
    );
    return first(rows).answer;
  },

  async isWaiting({ organizationId, conversationId }, turnId) {
    const rows = await guarded(sql<{ answer: boolean }[]>`select is_waiting(${organizationId}, ${conversationId}, ${turnId}) as answer`);
    return first(rows).answer;
  },

  async hiddenTurns({ organizationId, conversationId }, branch, turnIds) {
    const rows = await guarded(
      sql<{ answer: string[] | null }[]>`
        select read_hidden_turns(${organizationId}, ${conversationId}, ${branch}, ${uuidArray(turnIds)}::uuid[]) as answer`,
    );
    return first(rows).answer;
  },

  async branches({ organizationId, conversationId }, { page, perPage }) {
    const rows = await guarded(
      sql<{ answer: Pick<Page<Branch>, "items" | "total"> | null }[]>`
        select read_branches(${organizationId}, ${conversationId}, ${(page - 1) * perPage}, ${perPage}) as answer`,
    );
    const { answer } = first(rows);
    return answer === null ? null : { ...answer, page, perPage };
  },
});

type Decided = Awaited<ReturnType<ConversationStore["answerCard"]>>;

async function decide(sql: Sql, decision: object): Promise<Decided> {
  const answer = await call<Stored<Decided>>(sql, "answer_card", decision);
  return { ...answer, nudge: answer.nudge ?? null };
}
