import { type EventOf, type Execution, type LogEvent, type PeerReport, type PeerRequest, parseCursor } from "@parley/contracts";
import { foldExecution } from "../turn/fold-execution.ts";
import { closedCardRow, openedCardRow } from "./card-row.ts";
import { executionRow } from "./execution-row.ts";
import { bornChild, finishedChild, pausedChild } from "./fold-children.ts";

/** What a stream knows: the root as of its last event, and the children born on this stream and not finished yet. */
export interface StreamState {
  root: Execution;
  children: Map<string, Execution>;
  /** Null before a fact has told it. */
  queueDepth: number | null;
}

export const streamState = (root: Execution): StreamState => ({ root, children: new Map(), queueDepth: null });

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
      // A turn that goes on after a decision began long before: it is told to begin again only where an attempt was lost, of which the
      // claim has told just before. Seen by the cursor, so that a reader that comes back in between is told the same.
      const begins = attempt === 1 || parseCursor(event.cursor).n > 1;
      const updated: Fact = ["task_updated", executionRow(state.root)];
      return begins ? [updated, ["turn_started", { turn_id, turn_number, attempt }]] : [updated];
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
      const { childId: id, agentId: agent_id, agentName: agent_name, mode, query, peer } = event.data;
      return [
        ["sub_agent_trigger", { id, agent_id, agent_name, mode, query, files: [], reasoning: null, ...(peer && { peer: peerRow(peer) }) }],
        ["sub_task_created", executionRow(child), child.id],
      ];
    }
    case "child.finished": {
      const child = finishedChild(state.root, state.children.get(event.data.childId), event);
      state.children.delete(child.id);
      const { report } = event.data;
      return [["sub_task_finished", { ...executionRow(child), ...(report && { peer: reportRow(report) }) }, child.id]];
    }
    case "peer.progressed": {
      const { childId, state: peerState, taskId: peer_task_id, text } = event.data;
      return [["sub_task_progress", { state: peerState, peer_task_id, text }, childId]];
    }
    case "model.retried": {
      const { model, retry, delayMs: delay_ms, error } = event.data;
      return [["model_retried", { model, retry, delay_ms, error }]];
    }
    case "model.fell_back":
      return [["model_fell_back", event.data]];
    case "child.paused": {
      const child = pausedChild(state.root, state.children.get(event.data.childId), event);
      state.children.set(child.id, child);
      return [["sub_task_paused", { ...executionRow(child), cards: event.data.cardIds }, child.id]];
    }
    case "queue.updated":
      state.queueDepth = event.data.queueDepth;
      return [queueFact(state, event.data)];
    case "message.edited":
      return [queueFact(state, { action: "enqueue", messageId: event.data.messageId })];
    case "steer.applied": {
      const { messageId: message_id, step, text, files } = event.data;
      return [["steer_applied", { message_id, turn_id, step, text, files }]];
    }
    case "steer.deferred": {
      const { messageId: message_id, queueDepth: queue_depth } = event.data;
      state.queueDepth = queue_depth;
      return [["steer_deferred", { message_id, turn_id, queue_depth }]];
    }
    case "conversation.edited": {
      const { messageId: message_id, newMessageId: new_message_id, branch, fromTurn: from_turn } = event.data;
      return [["conversation_edited", { message_id, new_message_id, branch, from_turn }]];
    }
    case "conversation.reset": {
      const { branch, throughTurn: through_turn } = event.data;
      return [["conversation_reset", { branch, through_turn }]];
    }
    case "card.opened":
      return [[event.data.kind === "questions" ? "ask_user_questions" : "approval_requested", openedCardRow(event)]];
    case "card.closed":
      return [["decision_closed", closedCardRow(event)]];
    case "turn.paused":
    case "turn.resumed":
      return isRoot ? [["task_updated", executionRow(state.root)]] : [];
    case "conversation.compacted": {
      const { throughTurn: through_turn, level } = event.data;
      return [["task_compactization", { type: "summarization", data: { through_turn, level } }]];
    }
    case "history.compacted":
      // Told by each summary's own event.
      return [];
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
          {
            turn_id,
            turn_number,
            status: row.status,
            result: row.result,
            reason: row.reason,
            refused_by: row.refused_by,
            text,
            tokens: row.tokens,
            more,
          },
        ],
      ];
    }
  }
}

type QueueChange = Pick<EventOf<"queue.updated">["data"], "action" | "messageId" | "messageIds">;

/** A message that is given up is told as one that was cancelled: this wire has no other word for it. */
const queueFact = (state: StreamState, { action, messageId, messageIds }: QueueChange): Fact => [
  "gateway_queue_updated",
  {
    conversation_id: state.root.conversationId,
    queue_depth: state.queueDepth,
    last_action: action === "expire" ? "cancel" : action,
    message_id: messageId,
    message_ids: messageIds ?? (messageId === null ? [] : [messageId]),
  },
];

const peerRow = ({ peerId: id, name, did, didSource: did_source, skill, callId: tool_call_id, input }: PeerRequest) => ({
  id,
  name,
  did,
  did_source,
  skill,
  tool_call_id,
  input,
});

const reportRow = ({ state, taskId: task_id, signatures, did, didSource: did_source, error }: PeerReport) => ({
  state,
  task_id,
  signatures,
  did,
  did_source,
  error,
});

const toolCall = ({ callId, tool }: { callId: string; tool: string }) => ({
  request_id: callId,
  operation_id: tool,
  tool_call_id: callId,
  graph_node_id: null,
  tool_name: tool,
  reasoning: null,
});
