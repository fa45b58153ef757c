import { type Handler, onConversation, onMessage } from "./call.ts";
import { conversationRow, runStateRow } from "./conversation-row.ts";
import { parse } from "./parse.ts";
import { sendJson } from "./send-error.ts";
import { stopBody } from "./wire-input.ts";

export const getConversation: Handler = async ({ gateway }, call) => {
  const { conversationId, caller } = onConversation(call);
  sendJson(call.response, 200, conversationRow(await gateway.getConversation(caller, conversationId)));
};

export const getRunState: Handler = async ({ gateway }, call) => {
  const { conversationId, caller } = onConversation(call);
  sendJson(call.response, 200, runStateRow(await gateway.getRunState(caller, conversationId)));
};

/** An empty body stops what runs and leaves the queue. */
export const stopConversation: Handler = async ({ gateway, readJsonBody }, call) => {
  const { conversationId, caller } = onConversation(call);
  const { clear_queue, turn_id } = parse(stopBody, (await readJsonBody(call.request, call.response)) ?? {}, "body");
  const stopped = await gateway.stopConversation(caller, {
    conversationId,
    turnId: turn_id ?? undefined,
    clearQueue: clear_queue ?? false,
  });
  sendJson(call.response, 200, {
    conversation_id: stopped.conversationId,
    stopped: stopped.stopped,
    turn_id: stopped.turnId,
    queue_cleared: stopped.queueCleared,
    queue_depth: stopped.queueDepth,
  });
};

export const cancelMessage: Handler = async ({ gateway }, call) => {
  const { conversationId, messageId, caller } = onMessage(call);
  const { cancelled, queueDepth } = await gateway.cancelMessage(caller, { conversationId, messageId });
  sendJson(call.response, 200, { conversation_id: conversationId, message_id: messageId, cancelled, queue_depth: queueDepth });
};

export const clearQueue: Handler = async ({ gateway }, call) => {
  const { conversationId, caller } = onConversation(call);
  const { cancelled, queueDepth } = await gateway.clearQueue(caller, conversationId);
  sendJson(call.response, 200, { conversation_id: conversationId, cancelled, queue_depth: queueDepth });
};
