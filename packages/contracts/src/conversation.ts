import { z } from "zod";
import { agentVersion } from "./agent.ts";
import { cursor } from "./cursor.ts";
import type { MessageMode } from "./events.ts";
import type { Execution, Usage } from "./execution.ts";
import { endUser, messageInput, turnOptions } from "./execution.ts";
import { agentId, conversationId, executionId, messageId, turnId } from "./ids.ts";
import { BOUNDS } from "./limits.ts";
import type { question } from "./question.ts";

/** The modes served today. */
export const messageMode = z.enum(["auto", "queue", "reject"]);

export const submitInput = z
  .object({
    agentId,
    conversationId: conversationId.optional(),
    version: agentVersion.optional(),
    mode: messageMode.default("auto"),
    user: endUser.optional(),
    options: turnOptions.default({}),
    idempotencyKey: z.string().min(1).max(255).optional(),
  })
  .extend(messageInput.shape)
  .refine((input) => input.text !== "" || input.files.length > 0, { message: "Text or files are needed.", path: ["text"] });
export type SubmitInput = z.infer<typeof submitInput>;

/** `started`: the message's turn runs now. `queued`: it waits. */
export interface SubmitResult {
  action: "started" | "queued";
  mode: MessageMode;
  conversationId: string;
  messageId: string;
  turnId: string;
  /** Messages ahead of this one; 0 when it runs now. */
  position: number;
  queueDepth: number;
  /** Where the log stood before this message: follow from here to see all that it causes. */
  cursor: string;
  /** The same call was made before; this is its answer. */
  replayed: boolean;
}

export const followInput = z.object({
  conversationId,
  /** Events after this cursor; the whole log when absent. */
  after: cursor.optional(),
  /** The browser's name for the same thing: what the subscription saw last. */
  lastEventId: cursor.nullish(),
});

export const conversationInput = z.object({ conversationId });
export const stopInput = z.object({ conversationId, turnId: turnId.optional(), clearQueue: z.boolean().default(false) });
export interface StopResult {
  conversationId: string;
  stopped: boolean;
  turnId: string | null;
  queueCleared: number;
  queueDepth: number;
}

export const cancelInput = z.object({ conversationId, messageId });
export interface QueueResult {
  conversationId: string;
  cancelled: number;
  queueDepth: number;
}

export interface DrainResult {
  conversationId: string;
  /** `draining`: an order was given. `running`: a live turn drains anyway. `empty`: there is nothing to run. */
  action: "draining" | "running" | "empty" | "paused";
  queueDepth: number;
  cursor: string;
}

export const QUEUED_MESSAGE_STATES = ["queued", "running", "done", "merged", "cancelled", "expired"] as const;
export type MessageState = (typeof QUEUED_MESSAGE_STATES)[number];

export interface QueuedMessage {
  id: string;
  turnId: string;
  text: string;
  files: string[];
  user: z.infer<typeof endUser> | null;
  mode: MessageMode;
  position: number;
  idempotencyKey: string | null;
  enqueuedAt: string;
}

export type ConversationState = "idle" | "ready" | "running" | "paused";

export interface RunState {
  conversationId: string;
  agentId: string;
  state: ConversationState;
  held: boolean;
  status: Execution["status"];
  turnId: string | null;
  turnNumber: number;
  activeChildId: string | null;
  queueDepth: number;
  queue: QueuedMessage[];
  cardsOpen: number;
  cursor: string;
  version: number;
}

export const pageInput = z.object({
  page: z.coerce.number().int().positive().max(100_000).default(1),
  perPage: z.coerce.number().int().positive().max(BOUNDS.pageMax.ceiling).default(20),
});

export const listExecutionsInput = pageInput.extend({
  agentId: agentId.optional(),
  userId: z.string().max(200).optional(),
  parentId: executionId.optional(),
  triggeringAgentId: z.string().max(200).optional(),
  status: z.string().max(40).optional(),
  internalStatus: z.string().max(255).optional(),
  from: z.coerce.date().optional(),
  to: z.coerce.date().optional(),
});
export type ListExecutions = z.infer<typeof listExecutionsInput>;

export const executionInput = z.object({ executionId });

export interface Page<Item> {
  items: Item[];
  total: number;
  page: number;
  perPage: number;
}

/** One line of a thread as a person reads it. */
export interface ThreadMessage {
  id: string;
  role: "user" | "assistant";
  content: string;
  files: string[];
  at: string;
  usage?: Usage;
}

export type ThreadEntry =
  | { kind: "user"; id: string; at: string; text: string; files: string[]; user: z.infer<typeof endUser> | null; turnId: string }
  | { kind: "agent"; id: string; at: string; text: string; turnId: string; status: Execution["status"] }
  | { kind: "tool_call"; id: string; at: string; tool: string; arguments: unknown; result: string | null; isError: boolean; turnId: string }
  | { kind: "child"; id: string; at: string; childId: string; agentId: string; query: string; turnId: string }
  | { kind: "questions"; id: string; at: string; cardId: string; questions: z.infer<typeof question>[]; status: string; turnId: string };

/** One execution with all that was said and done in it. */
export interface ExecutionView {
  execution: Execution;
  thread: ThreadEntry[];
  /** Of this execution alone. */
  usage: Usage;
}

/** A conversation whole: the root, and each child on its own. `usage` counts the root and every child. */
export interface ConversationView {
  conversationId: string;
  version: number;
  root: ExecutionView;
  children: ExecutionView[];
  usage: Usage;
}
