import {
  agentId as agentIdSchema,
  type Cursor,
  cardId as cardIdSchema,
  conversationId as conversationIdSchema,
  cursor,
  executionId,
  GatewayError,
  type Limits,
  memoryId,
  messageId,
  peerId,
} from "@parley/contracts";
import { type Caller, type Gateway, type Log, mayUseAgent, type Once } from "@parley/domain";
import { idempotencyKey, type OpenStream, type RouteName, readIdempotencyKey } from "@parley/router";
import type { Request, Response } from "express";
import { z } from "zod";
import type { Attachments } from "../attachments.ts";
import type { ReadJsonBody } from "../json-body.ts";
import { parse } from "./parse.ts";

/** One authorised request of this door. */
export interface Call {
  /** Its row in the registry: idempotency keys are scoped to it. */
  route: RouteName;
  request: Request;
  response: Response;
  caller: Caller;
  credential: string | null;
}

/** What all handlers share. */
export interface Door {
  gateway: Gateway;
  log: Log;
  attachments: Attachments;
  openStream: OpenStream;
  readJsonBody: ReadJsonBody;
  limits: Limits;
}

export type Handler = (door: Door, call: Call) => Promise<void>;

const names = {
  agentId: "agent_id",
  cardId: "card_id",
  conversationId: "conversation_id",
  memoryId: "memory_id",
  messageId: "message_id",
  peerId: "peer_id",
  taskId: "task_id",
} as const;
type Parameter = keyof typeof names;

/** Reads path parameters under the names that callers know them by. */
const pathOf = <Schema extends z.ZodType>({ request }: Call, schema: Schema): z.output<Schema> =>
  parse(schema, Object.fromEntries(Object.entries(request.params).map(([name, value]) => [names[name as Parameter], value])), "path");

/**
 * The agent in the path, and the caller narrowed to it: whatever of another agent's the rest of the path names is not
 * found. Throws `not_found` where the caller may not use the agent.
 */
function agentPath(call: Call, agentId: string): Caller {
  if (!mayUseAgent(call.caller, agentId)) throw new GatewayError("not_found");
  return { ...call.caller, agentIds: new Set([agentId]) };
}

const onAgentSchema = z.object({ agent_id: agentIdSchema });
const onConversationSchema = onAgentSchema.extend({ conversation_id: conversationIdSchema });
const onMessageSchema = onConversationSchema.extend({ message_id: messageId });
const onEntrySchema = onConversationSchema.extend({ message_id: z.string().max(100) });
const onCardSchema = onConversationSchema.extend({ card_id: cardIdSchema });
const onMemorySchema = z.object({ memory_id: memoryId });
const onPeerSchema = z.object({ peer_id: peerId });
const onTaskSchema = z.object({ task_id: executionId });

export function onAgent(call: Call) {
  const { agent_id: agentId } = pathOf(call, onAgentSchema);
  return { agentId, caller: agentPath(call, agentId) };
}

export function onConversation(call: Call) {
  const { agent_id: agentId, conversation_id: conversationId } = pathOf(call, onConversationSchema);
  return { agentId, conversationId, caller: agentPath(call, agentId) };
}

export function onMessage(call: Call) {
  const { agent_id: agentId, conversation_id: conversationId, message_id: messageId } = pathOf(call, onMessageSchema);
  return { agentId, conversationId, messageId, caller: agentPath(call, agentId) };
}

/** The same where the path may name any entry of the thread. */
export function onEntry(call: Call) {
  const { agent_id: agentId, conversation_id: conversationId, message_id: entryId } = pathOf(call, onEntrySchema);
  return { agentId, conversationId, entryId, caller: agentPath(call, agentId) };
}

export function onCard(call: Call) {
  const { agent_id: agentId, conversation_id: conversationId, card_id: cardId } = pathOf(call, onCardSchema);
  return { conversationId, cardId, caller: agentPath(call, agentId) };
}

export const onMemory = (call: Call) => pathOf(call, onMemorySchema).memory_id;

export const onPeer = (call: Call) => pathOf(call, onPeerSchema).peer_id;

export const onTask = (call: Call) => pathOf(call, onTaskSchema).task_id;

const keyHeader = z.object({ "idempotency-key": idempotencyKey.optional() });

/** The call's idempotency key: the header's, or what the body names. Throws `bad_request` where they differ. */
export function keyOf({ request }: Call, inBody?: string | null): string | undefined {
  const { "idempotency-key": header = null } = parse(keyHeader, request.headers, "header");
  return readIdempotencyKey({ header, input: inBody ?? undefined });
}

/** What tells a repeated call from a new one, where it has a key. */
export function onceOf(call: Call): Once | undefined {
  const key = keyOf(call);
  return key === undefined ? undefined : { route: call.route, key };
}

/** Where a returning client stopped reading: `Last-Event-ID`, else `?after=`. Throws `invalid_cursor`. */
export const resumeCursor = ({ headers, query }: Request): Cursor | undefined => readCursor(headers["last-event-id"] ?? query.after);

/** Before what a part of a thread is wanted: `?before=`. Throws `invalid_cursor`. */
export const beforeCursor = ({ query }: Request): Cursor | undefined => readCursor(query.before);

function readCursor(text: unknown): Cursor | undefined {
  if (text === undefined || text === "") return undefined;
  const result = cursor.safeParse(text);
  if (!result.success) throw new GatewayError("invalid_cursor");
  return result.data;
}
