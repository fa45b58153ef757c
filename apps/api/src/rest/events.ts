import type { Execution, LogEvent } from "@parley/contracts";
import { questionRow } from "./conversation-row.ts";
import { executionRow } from "./execution-row.ts";
import { bornChild, finishedChild } from "./fold-children.ts";
import { foldExecution } from "./fold-execution.ts";

/** What a stream knows: the root as of its last event, and the children born on this stream and not finished yet. */
export interface StreamState {
  root: Execution;
  children: Map<string, Execution>;
}

/** One frame's JSON. `task_id` is the execution that the fact is about: the conversation, or a child of it. */
export interface WireEvent {
  type: string;
  task_id: string;
  organization_id: string;
  time: string;
  data: unknown;
}

/**
 * Folds one fact of the log into the stream's state and gives the events that tell it, in the door's vocabulary; most
 * facts are one, some are two, a few are none. Every `task_*` and `sub_task_*` event carries a whole execution row.
 */
export function translate(state: StreamState, event: LogEvent): WireEvent[] {
  state.root = foldExecution(state.root, event);
  return factsOf(state, event).map(([type, data, taskId = event.executionId]) => ({
    type,
    task_id: taskId,
    organization_id: state.root.organizationId,
    time: event.at,
    data,
  }));
}

type Fact = [type: string, data: unknown, taskId?: string];

function factsOf(state: StreamState, event: LogEvent): Fact[] {
  const isRoot = event.executionId === state.root.id;
  const turn_id = event.turnId;
  switch (event.type) {
    case "turn.delta":
      return [["chunk", event.data.text]];
    case "turn.snapshot":
      return [
        ["snapshot", { turn_id, texts: event.data.texts.map(({ executionId, step, text }) => ({ task_id: executionId, step, text })) }],
      ];
    case "turn.created":
      return isRoot ? [["task_created", executionRow(state.root)]] : [];
    case "turn.started": {
      if (!isRoot) return [];
      const { turnNumber: turn_number, attempt } = event.data;
      return [
        ["task_updated", executionRow(state.root)],
        ["turn_started", { turn_id, turn_number, attempt }],
      ];
    }
    case "attempt.superseded": {
      const { attempt, nextAttempt: next_attempt, discardFrom: discard_from, reason } = event.data;
      return [["attempt_superseded", { turn_id, attempt, next_attempt, discard_from, reason }]];
    }
    case "step.completed":
      // Its text has been told piece by piece, and its calls are told one by one.
      return [];
    case "tool.called":
      return [["tool_call_request", { ...toolCall(event.data), payload: event.data.arguments }]];
    case "tool.returned":
      return [["tool_call_result", { ...toolCall(event.data), result: event.data.result, is_error: event.data.isError }]];
    case "child.created": {
      const child = bornChild(state.root, event);
      state.children.set(child.id, child);
      const { childId: id, agentId: agent_id, agentName: agent_name, mode, query } = event.data;
      return [
        ["sub_agent_trigger", { id, agent_id, agent_name, mode, query, files: [], reasoning: null }],
        ["sub_task_created", executionRow(child), child.id],
      ];
    }
    case "child.finished": {
      const child = finishedChild(state.root, state.children.get(event.data.childId), event);
      state.children.delete(child.id);
      return [["sub_task_finished", executionRow(child), child.id]];
    }
    case "model.retried": {
      const { model, retry, delayMs: delay_ms, error } = event.data;
      return [["model_retried", { model, retry, delay_ms, error }]];
    }
    case "model.fell_back":
      return [["model_fell_back", event.data]];
    case "queue.updated": {
      const { action: last_action, messageId: message_id, queueDepth: queue_depth } = event.data;
      return [["gateway_queue_updated", { conversation_id: state.root.conversationId, queue_depth, last_action, message_id }]];
    }
    case "card.opened": {
      const { cardId: id, questions } = event.data;
      return [
        [
          "ask_user_questions",
          { id, created_at: event.at, kind: "ask_user_questions", status: "pending", questions: questions.map(questionRow) },
        ],
      ];
    }
    case "card.closed":
      return [["decision_closed", { decision_id: event.data.cardId, outcome: event.data.outcome }]];
    case "turn.paused":
    case "turn.resumed":
      return isRoot ? [["task_updated", executionRow(state.root)]] : [];
    case "turn.completed":
    case "turn.failed":
    case "turn.stopped": {
      if (!isRoot) return [];
      const row = executionRow(state.root);
      const { turnNumber: turn_number, more } = event.data;
      const text = event.type === "turn.failed" ? event.data.text : null;
      return [
        ["task_finished", row],
        [
          "turn_finished",
          { turn_id, turn_number, status: row.status, result: row.result, reason: row.reason, text, tokens: row.tokens, more },
        ],
      ];
    }
  }
}

const toolCall = ({ callId, tool }: { callId: string; tool: string }) => ({
  request_id: callId,
  operation_id: tool,
  tool_call_id: callId,
  graph_node_id: null,
  tool_name: tool,
  reasoning: null,
});
