import {
  type Branch,
  type Card,
  type ChangedMessage,
  type ChangeMessage,
  type DrainResult,
  GatewayError,
  isGatewayError,
  type MessageView,
  type Page,
  type PageQuery,
  type QueueResult,
  type ResetResult,
  type RunState,
  type StopResult,
} from "@parley/contracts";
import { checkPage } from "../check-page.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import { nameFiles } from "../media/name-files.ts";
import { announce, jobPayload } from "../turn/kick.ts";
import { announceStop, nudgeDoomed } from "./announce-stop.ts";
import { checkMessage } from "./check-message.ts";
import { conversationKey } from "./conversation-key.ts";
import { toCard } from "./to-card.ts";

/** What callers do to a conversation from outside: each commits a fact, then tells whoever must know. */

export async function getRunState({ conversations }: GatewayContext, caller: Caller, conversationId: string): Promise<RunState> {
  const state = await conversations.runState({ organizationId: caller.organizationId, conversationId });
  if (state === null || !mayUseAgent(caller, state.agentId)) throw new GatewayError("not_found");
  return { ...state, cards: state.cards.map(toCard) };
}

export async function stopConversation(
  context: GatewayContext,
  caller: Caller,
  { conversationId, turnId, clearQueue }: { conversationId: string; turnId?: string | undefined; clearQueue: boolean },
): Promise<StopResult> {
  const key = await conversationKey(context, caller, conversationId);
  const done = await context.conversations.stop(key, { turnId: turnId ?? null, clearQueue });
  void announceStop(context, key, done);
  const { stopped, children, cards, queueCleared, queueDepth } = done;
  return { conversationId, stopped, turnId: done.turnId, children, cards, queueCleared, queueDepth, replayed: false };
}

export async function cancelMessage(
  context: GatewayContext,
  caller: Caller,
  { conversationId, messageId }: { conversationId: string; messageId: string },
): Promise<QueueResult> {
  const done = await context.conversations.cancel(await conversationKey(context, caller, conversationId), messageId);
  void announce(context, caller.organizationId, { ...done, conversationId });
  return { conversationId, cancelled: done.cancelled, queueDepth: done.queueDepth, replayed: false };
}

export async function clearQueue(context: GatewayContext, caller: Caller, conversationId: string): Promise<QueueResult> {
  const done = await context.conversations.clear(await conversationKey(context, caller, conversationId));
  void announce(context, caller.organizationId, { ...done, conversationId });
  return { conversationId, cancelled: done.cancelled, queueDepth: done.queueDepth, replayed: false };
}

export async function resetConversation(context: GatewayContext, caller: Caller, conversationId: string): Promise<ResetResult> {
  const key = await conversationKey(context, caller, conversationId);
  const { branch, messageCount, doomed, ...posted } = await context.conversations.reset(key);
  nudgeDoomed(context, doomed);
  void announce(context, caller.organizationId, { ...posted, conversationId });
  return { conversationId, branch, messageCount, replayed: false };
}

export async function changeMessage(context: GatewayContext, caller: Caller, input: ChangeMessage): Promise<ChangedMessage> {
  const { conversationId, messageId, text, position } = input;
  checkMessage({ text: text ?? "", files: input.files ?? [], options: {} }, context.limits);
  const files = input.files === undefined ? null : await nameFiles(context, caller, input.files);
  const key = await conversationKey(context, caller, conversationId);
  const change = { messageId, text: text ?? null, files, position: position ?? null };
  const done = await context.conversations.change(key, change).catch(refuseEmpty);
  void announce(context, caller.organizationId, { ...done, conversationId });
  return { conversationId, messageId, position: done.position, queueDepth: done.queueDepth, replayed: false };
}

/** What it would have said then is known where its row is. */
function refuseEmpty(error: unknown): never {
  if (!isGatewayError(error, "invalid_input")) throw error;
  throw new GatewayError("invalid_input", { issues: [{ path: ["text"], code: "custom", message: "Text or files are needed." }] });
}

export async function drainConversation(context: GatewayContext, caller: Caller, conversationId: string): Promise<DrainResult> {
  const key = await conversationKey(context, caller, conversationId);
  const { action, queueDepth, cursor } = await context.conversations.orderDrain(key);
  if (action === "draining") {
    await context.queue.enqueue("conversation.drain", jobPayload(key)).catch((error: unknown) => {
      context.log.warn({ err: error, conversationId }, "drain order not delivered; the sweep will give it again");
    });
  }
  return { conversationId, action, queueDepth, cursor, replayed: false };
}

interface MessagePlace {
  conversationId: string;
  messageId: string;
}

export async function getMessage(
  context: GatewayContext,
  caller: Caller,
  { conversationId, messageId }: MessagePlace,
): Promise<MessageView> {
  const message = await context.conversations.findMessage({ organizationId: caller.organizationId, conversationId }, messageId);
  if (message === null || !mayUseAgent(caller, message.agentId)) throw new GatewayError("not_found");
  return message;
}

export async function getCard(
  context: GatewayContext,
  caller: Caller,
  { conversationId, cardId }: { conversationId: string; cardId: string },
): Promise<Card> {
  const card = await context.conversations.findCard(await conversationKey(context, caller, conversationId), cardId);
  if (card === null) throw new GatewayError("not_found");
  return toCard(card);
}

export async function listBranches(
  context: GatewayContext,
  caller: Caller,
  { conversationId, ...page }: { conversationId: string } & PageQuery,
): Promise<Page<Branch>> {
  checkPage(page, context.limits);
  const branches = await context.conversations.branches(await conversationKey(context, caller, conversationId), page);
  if (branches === null) throw new GatewayError("not_found");
  return branches;
}
