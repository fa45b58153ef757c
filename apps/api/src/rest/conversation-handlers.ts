import { sendJson } from "../send-json.ts";
import { beforeCursor, type Handler, onConversation, onceOf, onMessage } from "./call.ts";
import { conversationRow, messageRow, runStateRow } from "./conversation-row.ts";
import { parse } from "./parse.ts";
import { branchQuery, changeBody, stopBody } from "./wire-input.ts";

/** Of its branches the newest are listed; each of them, and of the others, can be asked for by its number. */
export const getConversation: Handler = async ({ gateway, limits }, call) => {
  const { conversationId, caller } = onConversation(call);
  const { branch } = parse(branchQuery, call.request.query, "query");
  const [view, branches] = await Promise.all([
    gateway.getConversation(caller, { conversationId, branch, before: beforeCursor(call.request) }),
    gateway.listBranches(caller, { conversationId, page: 1, perPage: limits.pageMax }),
  ]);
  sendJson(call.response, 200, conversationRow(view, branches));
};

export const getRunState: Handler = async ({ gateway }, call) => {
  const { conversationId, caller } = onConversation(call);
  sendJson(call.response, 200, runStateRow(await gateway.getRunState(caller, conversationId)));
};

export const getMessage: Handler = async ({ gateway }, call) => {
  const { conversationId, messageId, caller } = onMessage(call);
  sendJson(call.response, 200, messageRow(await gateway.getMessage(caller, { conversationId, messageId })));
};

/** An empty body stops what runs and leaves the queue. */
export const stopConversation: Handler = async ({ gateway, readJsonBody }, call) => {
  const { conversationId, caller } = onConversation(call);
  const { clear_queue, turn_id } = parse(stopBody, (await readJsonBody(call.request, call.response)) ?? {}, "body");
  const order = { conversationId, turnId: turn_id ?? undefined, clearQueue: clear_queue ?? false };
  const stopped = await gateway.stopConversation(caller, order, onceOf(call));
  sendJson(call.response, 200, {
    conversation_id: stopped.conversationId,
    stopped: stopped.stopped,
    turn_id: stopped.turnId,
    children: stopped.children.map(({ executionId, agentId, mode }) => ({ id: executionId, agent_id: agentId, mode })),
    cards: stopped.cards,
    queue_cleared: stopped.queueCleared,
    queue_depth: stopped.queueDepth,
  });
};

export const cancelMessage: Handler = async ({ gateway }, call) => {
  const { conversationId, messageId, caller } = onMessage(call);
  const { cancelled, queueDepth } = await gateway.cancelMessage(caller, { conversationId, messageId }, onceOf(call));
  sendJson(call.response, 200, { conversation_id: conversationId, message_id: messageId, cancelled, queue_depth: queueDepth });
};

/** Changes a message that still waits: what it says, where it stands, or both. */
export const changeMessage: Handler = async ({ gateway, readJsonBody }, call) => {
  const { conversationId, messageId, caller } = onMessage(call);
  const change = parse(changeBody, await readJsonBody(call.request, call.response), "body");
  const { position, queueDepth } = await gateway.changeMessage(caller, { conversationId, messageId, ...change }, onceOf(call));
  sendJson(call.response, 200, { conversation_id: conversationId, message_id: messageId, position, queue_depth: queueDepth });
};

export const clearQueue: Handler = async ({ gateway }, call) => {
  const { conversationId, caller } = onConversation(call);
  const { cancelled, queueDepth } = await gateway.clearQueue(caller, conversationId, onceOf(call));
  sendJson(call.response, 200, { conversation_id: conversationId, cancelled, queue_depth: queueDepth });
};
