import { z } from "zod";
import { listQuery, memoryQuery, pageQuery } from "../../rest/list-query.ts";
import { createPeerBody, updatePeerBody } from "../../rest/peer-input.ts";
import {
  answersBody,
  branchQuery,
  changeBody,
  decisionBody,
  deleteQuery,
  editBody,
  editQuery,
  invokeBody,
  messageBody,
  resumeQuery,
  runQuery,
  stopBody,
} from "../../rest/wire-input.ts";
import { body, created, json, type Operation, ok, streamed } from "../operation.ts";
import { PARAMETERS } from "../parameters.ts";
import { agent } from "../rows/agent.ts";
import { conversation, fullThread, message, runState, thread } from "../rows/conversation.ts";
import { execution, tasks } from "../rows/execution.ts";
import { memories } from "../rows/memory.ts";
import { peer, peers } from "../rows/peer.ts";
import { streamEvent } from "../rows/stream-event.ts";

const uuid = z.uuid();
const count = z.int().min(0);
const detail = { envelope: "detail" } as const;
const stream = { ...detail, successes: streamed(streamEvent) };
const running = {
  ...detail,
  query: runQuery,
  body: body(invokeBody.meta({ id: "Invoke" }), { input: { text: "Tell me a joke" } }),
} as const;
const editing = {
  ...detail,
  query: editQuery,
  body: body(editBody.meta({ id: "Edit" }), { input: { text: "Tell me another joke" } }),
  refusals: ["version_mismatch", "not_a_user_message", "message_still_waiting"],
} as const;
const beforeQuery = z.object({ before: z.string().optional().meta({ description: "What came before this cursor." }) });
const deciding = ["card_closed", "card_expired"] as const;

const kept = z
  .object({
    action: z.enum(["started", "queued", "steering"]),
    message_id: uuid.nullable(),
    queue_depth: count,
    steer_target: z.string().nullable(),
    mode: z.string(),
    asked_mode: z.string(),
    position: count,
    turn_id: uuid.nullable(),
    conversation_id: uuid,
  })
  .meta({ id: "MessageResult" });

const stopped = z
  .object({
    conversation_id: uuid,
    stopped: z.boolean(),
    turn_id: uuid.nullable(),
    children: z.array(z.object({ id: uuid, agent_id: uuid, mode: z.enum(["sync", "async"]) })),
    cards: z.array(uuid),
    queue_cleared: count,
    queue_depth: count,
  })
  .meta({ id: "StopResult" });

const deletedPeer = z.object({ id: z.string(), deleted: z.literal(true) });
const madePeer = { name: "Research", endpoint: "https://research.example.org", skills: [{ id: "search" }], price_micros: 2_000 };

const cancelled = z.object({ conversation_id: uuid, message_id: uuid, cancelled: count, queue_depth: count });
const deleted = z.object({ id: uuid, deleted: z.literal(true) });

/** REST v1: conversations, their turns and what becomes of them. */
export const restOperations = {
  "turn.submit": {
    ...detail,
    summary: "Send a message to a conversation",
    body: body(messageBody, { text: "And another one", mode: "queue" }),
    successes: ok(kept, "What became of the message."),
  },
  "turn.invoke": { ...running, summary: "Run a turn and wait for its end", successes: ok(execution) },
  "turn.invokeAsync": { ...running, summary: "Start a turn and go on", successes: ok(execution, "The row, always `pending`.") },
  "turn.stream": { ...running, ...stream, summary: "Run a turn and stream it", resumes: true },
  "turn.edit": { ...editing, summary: "Replace an earlier message and wait for the turn's end", successes: ok(execution) },
  "turn.editStream": { ...editing, ...stream, summary: "Replace an earlier message and stream the turn", resumes: true },
  "turn.follow": { ...stream, summary: "Follow a conversation; starts nothing", resumes: true },
  "conversation.get": {
    ...detail,
    summary: "Read a conversation",
    query: branchQuery.extend(beforeQuery.shape),
    successes: ok(conversation),
    refusals: ["invalid_cursor"],
  },
  "conversation.runState": { ...detail, summary: "See what runs and waits", successes: ok(runState) },
  "conversation.message": { ...detail, summary: "See a message, wherever it stands", successes: ok(message) },
  "conversation.stop": {
    ...detail,
    summary: "Stop what runs",
    body: { isRequired: false, content: json(stopBody, { clear_queue: true }) },
    successes: ok(stopped, "What ended by it."),
  },
  "conversation.cancelMessage": {
    ...detail,
    summary: "Take a message out of the queue",
    successes: ok(cancelled),
    refusals: ["message_not_waiting"],
  },
  "conversation.changeMessage": {
    ...detail,
    summary: "Change or move a message that waits",
    body: body(changeBody, { text: "Tell me a short one", position: 1 }),
    successes: ok(cancelled.omit({ cancelled: true }).extend({ position: count })),
    refusals: ["message_not_waiting", "message_too_large"],
  },
  "conversation.clearQueue": { ...detail, summary: "Empty the queue", successes: ok(cancelled.omit({ message_id: true })) },
  "conversation.drainStream": {
    ...stream,
    summary: "Run what waits and stream it",
    query: resumeQuery,
    resumes: true,
  },
  "card.answerStream": {
    ...stream,
    summary: "Answer the agent's questions and stream the turn that goes on",
    query: resumeQuery,
    body: body(answersBody, { decision_id: PARAMETERS.cardId?.example, answers: [{ question_id: "q", answer: "This one" }] }),
    resumes: true,
    refusals: ["invalid_answers", ...deciding],
  },
  "card.decideStream": {
    ...stream,
    summary: "Approve or deny a call and stream the turn that goes on",
    body: body(decisionBody, { decision: "approve" }),
    resumes: true,
    refusals: ["approval_mismatch", "invalid_answers", ...deciding],
  },
  "execution.get": { ...detail, summary: "Read an execution", successes: ok(execution) },
  "execution.list": { ...detail, summary: "List executions, newest first", query: listQuery, successes: ok(tasks) },
  "execution.thread": {
    ...detail,
    summary: "Read what was said",
    query: beforeQuery,
    successes: ok(thread, "The newest part; the `Link` header leads to the one before."),
    refusals: ["invalid_cursor"],
  },
  "execution.fullThread": {
    ...detail,
    summary: "Read what was said, with the children's threads",
    query: beforeQuery,
    successes: ok(fullThread, "The root's under `root`, each child's under its id."),
    refusals: ["invalid_cursor"],
  },
  "execution.stop": { ...detail, summary: "Stop an execution", successes: ok(execution) },
  "execution.delete": {
    ...detail,
    summary: "Delete a conversation that is at rest",
    query: deleteQuery,
    successes: ok(deleted),
    refusals: ["turn_in_progress"],
  },
  "agent.suspend": { ...detail, summary: "Have an agent take nothing new", successes: ok(agent) },
  "agent.resume": { ...detail, summary: "Have an agent take turns again", successes: ok(agent) },
  "agent.delete": { ...detail, summary: "Delete an agent", successes: ok(deleted) },
  "memory.list": { ...detail, summary: "List or search what is remembered", query: memoryQuery, successes: ok(memories) },
  "memory.delete": { ...detail, summary: "Forget", successes: ok(deleted) },
  "peer.create": {
    ...detail,
    summary: "Register a peer",
    body: body(createPeerBody.meta({ id: "NewPeer" }), madePeer),
    successes: created(peer),
    refusals: ["limit_reached", "secrets_not_configured"],
  },
  "peer.update": {
    ...detail,
    summary: "Change a peer",
    description: "What is left out stays. With another origin its credentials are needed, too.",
    body: body(updatePeerBody.meta({ id: "PeerChange" }), { name: "Searches", timeout_ms: 60_000, price_micros: null }),
    successes: ok(peer),
    refusals: ["secrets_not_configured"],
  },
  "peer.delete": { ...detail, summary: "Take a peer out of the registry", successes: ok(deletedPeer) },
  "peer.get": { ...detail, summary: "Read a peer", successes: ok(peer) },
  "peer.list": { ...detail, summary: "List peers, oldest first", query: pageQuery, successes: ok(peers) },
} as const satisfies Record<string, Operation>;
