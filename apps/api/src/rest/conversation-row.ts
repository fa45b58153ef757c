import type {
  Branch,
  Card,
  ConversationView,
  ExecutionView,
  MessageView,
  Page,
  RunState,
  ThreadEntry,
  ThreadMessage,
  Usage,
} from "@parley/contracts";
import { approvalRow, cardRow, questionsRow } from "./card-row.ts";
import { executionRow, userRow } from "./execution-row.ts";

/** What the conversation waits for. Questions come first: an approval is for other callers. */
function waitsFor(cards: Card[]): string {
  if (cards.some(({ kind }) => kind === "questions")) return "awaiting_answers";
  return cards.length > 0 ? "awaiting_approval" : "regular";
}

/**
 * A cheap look at what a conversation does now. `is_running` counts a turn that waits for a worker, too. A turn that is paused can be
 * steered as well: that takes the place of its cards.
 */
export const runStateRow = (state: RunState) => ({
  conversation_id: state.conversationId,
  is_running: state.state === "ready" || state.state === "running",
  is_steerable: state.state !== "idle",
  steer_target: state.state === "idle" ? "none" : "router",
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
  conversation_state: waitsFor(state.cards),
  state: state.state,
  held: state.held,
  turn_id: state.turnId,
  turn_number: state.turnNumber,
  cards_open: state.cardsOpen,
  cards: state.cards.map(cardRow),
  steers_waiting: state.steersWaiting,
  cursor: state.cursor,
  version: state.version,
  branch: state.branch,
});

/** One message, wherever it stands: `position` counts from 1 in the queue, and is 0 where it does not wait there. */
export const messageRow = (message: MessageView) => ({
  id: message.id,
  conversation_id: message.conversationId,
  agent_id: message.agentId,
  state: message.state,
  mode: message.mode,
  turn_id: message.turnId,
  is_steering: message.steering,
  position: message.position,
  text: message.text,
  files: message.files,
  user: userRow(message.user),
  enqueued_at: message.enqueuedAt,
  expires_at: message.expiresAt,
});

const usageRow = (usage: Usage) => ({
  input_tokens: usage.inputTokens,
  output_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  cost_usd: null,
  llm_calls: usage.modelCalls,
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
      return questionsRow({ ...entry, id: entry.cardId }, entry.questions, entry.answers);
    case "approval":
      return approvalRow({ ...entry, id: entry.cardId }, entry.approval, entry.comment);
  }
}

/** `older`: there is more before it, to be had with `?before=`; null where the thread begins here. */
const viewRow = ({ execution, thread, older, usage }: ExecutionView) => ({
  execution: executionRow(execution),
  activity: {
    id: execution.id,
    created_at: execution.createdAt,
    messages: thread.map(activityEntry),
    older,
    user: userRow(execution.user),
  },
  usage: usageRow(usage),
});

const branchRow = ({ branch, editedMessageId, endedAt }: Branch) => ({ branch, edited_message_id: editedMessageId, ended_at: endedAt });

/** The newest part of a conversation, with the children of its turns. `usage` counts all turns and every child. `branch` is the one shown, `branches` the newest of those that edits have ended, oldest first. */
export const conversationRow = (view: ConversationView, branches: Page<Branch>) => ({
  conversation_id: view.conversationId,
  version: view.version,
  branch: view.branch,
  branches: branches.items.map(branchRow).reverse(),
  branches_left_out: branches.total - branches.items.length,
  ...viewRow(view.root),
  usage: usageRow(view.usage),
  sub_executions: view.children.map(viewRow),
  sub_executions_left_out: view.childrenLeftOut,
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
