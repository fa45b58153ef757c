import type { ConversationView, ExecutionView, Question, RunState, ThreadEntry, ThreadMessage, Usage } from "@parley/contracts";
import { executionRow, userRow } from "./execution-row.ts";

/** A cheap look at what a conversation does now. `is_running` counts a turn that waits for a worker, too. */
export const runStateRow = (state: RunState) => ({
  conversation_id: state.conversationId,
  is_running: state.state === "ready" || state.state === "running",
  is_steerable: false,
  steer_target: "none",
  active_child_id: state.activeChildId,
  queue_depth: state.queueDepth,
  queued_messages: state.queue.map((message) => ({
    id: message.id,
    text: message.text,
    files: message.files,
    user: userRow(message.user),
    enqueued_at: message.enqueuedAt,
    idempotency_key: message.idempotencyKey,
    mode: message.mode,
    position: message.position,
    turn_id: message.turnId,
  })),
  execution_status: state.status,
  conversation_state: state.state === "paused" || state.cardsOpen > 0 ? "awaiting_answers" : "regular",
  state: state.state,
  held: state.held,
  turn_id: state.turnId,
  turn_number: state.turnNumber,
  cards_open: state.cardsOpen,
  cursor: state.cursor,
  version: state.version,
});

const usageRow = (usage: Usage) => ({
  input_tokens: usage.inputTokens,
  output_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  cost_usd: null,
  llm_calls: usage.modelCalls,
});

export const questionRow = (question: Question) => ({
  id: question.id,
  text: question.text,
  header: question.header ?? null,
  multi_select: question.multiSelect,
  allow_free_text: question.allowFreeText,
  required: question.required,
  options: question.options,
});

/** One entry of the activity thread. `kind` tells the kinds apart; clients that look at the members present still can. */
function activityEntry(entry: ThreadEntry) {
  const { kind, id, turnId: turn_id, at: created_at } = entry;
  switch (entry.kind) {
    case "user":
      return {
        id,
        created_at,
        kind: "message",
        role: "user",
        content: { text: entry.text, files: entry.files },
        user: userRow(entry.user),
        turn_id,
      };
    case "agent":
      return { id, created_at, kind: "message", role: "agent", content: { text: entry.text, files: [] }, status: entry.status, turn_id };
    case "tool_call": {
      const { tool: tool_name, arguments: payload, isError: is_error, result } = entry;
      return { id, created_at, kind, tool_name, payload, is_error, reasoning: null, result, turn_id };
    }
    case "child": {
      const { agentId: agent_id, childId: task_id, query } = entry;
      return { id, created_at, kind: "sub_agent_trigger", agent_id, task_id, query, files: [], reasoning: null, turn_id };
    }
    case "questions":
      // The card's own id: answers name it as `decision_id`.
      return {
        id: entry.cardId,
        created_at,
        kind: "ask_user_questions",
        status: entry.status,
        questions: entry.questions.map(questionRow),
        turn_id,
      };
  }
}

const viewRow = ({ execution, thread, usage }: ExecutionView) => ({
  execution: executionRow(execution),
  activity: { id: execution.id, created_at: execution.createdAt, messages: thread.map(activityEntry), user: userRow(execution.user) },
  usage: usageRow(usage),
});

/** A conversation whole. `usage` counts the root and every child. */
export const conversationRow = (view: ConversationView) => ({
  conversation_id: view.conversationId,
  version: view.version,
  ...viewRow(view.root),
  usage: usageRow(view.usage),
  sub_executions: view.children.map(viewRow),
});

/** `created_at` in whole unix seconds, as thread readers expect. */
export const threadMessageRow = (message: ThreadMessage) => ({
  id: message.id,
  role: message.role,
  content: message.content,
  files: message.files,
  created_at: Math.floor(Date.parse(message.at) / 1_000),
  ...(message.usage && { metrics: usageRow(message.usage) }),
});
