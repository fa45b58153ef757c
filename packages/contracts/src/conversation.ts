import { z } from "zod";
import { agentVersion } from "./agent.ts";
import type { ApprovalRequest, Card, CheckedAnswer } from "./card.ts";
import { cursor } from "./cursor.ts";
import type { MessageMode } from "./events.ts";
import type { Execution, Usage } from "./execution.ts";
import { endUser, messageInput, turnOptions } from "./execution.ts";
import { agentId, conversationId, executionId, messageId, turnId } from "./ids.ts";
import { BOUNDS } from "./limits.ts";
import { momentDate } from "./moment.ts";
import type { question } from "./question.ts";
import { queried, rowNumber } from "./row-number.ts";

export const pageInput = z.object({
  page: queried(z.int().positive().max(100_000)).default(1),
  perPage: queried(z.int().positive().max(BOUNDS.pageMax.ceiling)).default(20),
});

export type PageQuery = z.infer<typeof pageInput>;

/** What a message does to the turn that runs and to those that wait. */
export const messageMode = z.enum(["auto", "queue", "collect", "steer", "interrupt", "reject"]);

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

/** `started`: the message's turn runs now. `queued`: it waits. `steering`: the running turn will be given it. */
export interface SubmitResult {
  action: "started" | "queued" | "steering";
  /** The mode that was applied: `auto` where the one that was asked for means the same there. */
  mode: MessageMode;
  /** The mode that was asked for; an edit is an `interrupt`. */
  askedMode: MessageMode;
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
  /** The children that end by it: those within the turn, and background ones, however far below. */
  children: { executionId: string; agentId: string; mode: "sync" | "async" }[];
  /** The cards that nobody has to decide any more. */
  cards: string[];
  queueCleared: number;
  queueDepth: number;
  replayed: boolean;
}

export interface ResetResult {
  conversationId: string;
  /** The number of the branch that is current now. */
  branch: number;
  /** What was said until then. */
  messageCount: number;
  replayed: boolean;
}

/** Replaces an earlier message of the user: what came after it is cut off and stays as a branch. */
export const editInput = z.object({
  messageId,
  /** The version that the caller has seen; another one is refused. */
  expectedVersion: rowNumber.optional(),
});

export const cancelInput = z.object({ conversationId, messageId });

/** Changes a message that still waits. `position` counts from 1; beyond the end is the end. */
export const changeMessageInput = cancelInput.extend({
  text: messageInput.shape.text.unwrap().optional(),
  files: messageInput.shape.files.unwrap().optional(),
  position: rowNumber.optional(),
});
export type ChangeMessage = z.infer<typeof changeMessageInput>;

export interface ChangedMessage {
  conversationId: string;
  messageId: string;
  position: number;
  queueDepth: number;
  replayed: boolean;
}

/** One message, wherever it stands. */
export interface MessageView {
  id: string;
  conversationId: string;
  agentId: string;
  state: MessageState;
  mode: MessageMode;
  /** The turn that it became, went into or steered; before that, the one it will become. */
  turnId: string;
  /** It waits for the running turn's next step boundary. */
  steering: boolean;
  /** From 1 in the queue; 0 when it does not wait there. */
  position: number;
  text: string;
  files: string[];
  user: z.infer<typeof endUser> | null;
  enqueuedAt: string;
  expiresAt: string | null;
}

export const branchesInput = conversationInput.extend(pageInput.shape);

/** A tail that an edit has cut off. */
export interface Branch {
  branch: number;
  /** Null where a reset has ended it. */
  editedMessageId: string | null;
  endedAt: string;
}

export interface QueueResult {
  conversationId: string;
  cancelled: number;
  queueDepth: number;
  replayed: boolean;
}

export interface DrainResult {
  conversationId: string;
  /** `draining`: an order was given. `running`: a live turn drains anyway. `empty`: there is nothing to run. */
  action: "draining" | "running" | "empty" | "paused";
  queueDepth: number;
  cursor: string;
  replayed: boolean;
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
  /** What waits for a decision. */
  cards: Card[];
  /** Messages that the running turn has not been given yet. */
  steersWaiting: number;
  cursor: string;
  version: number;
  branch: number;
}

export const listExecutionsInput = pageInput.extend({
  agentId: agentId.optional(),
  userId: z.string().max(200).optional(),
  parentId: executionId.optional(),
  triggeringAgentId: z.string().max(200).optional(),
  status: z.string().max(40).optional(),
  internalStatus: z.string().max(255).optional(),
  from: momentDate.optional(),
  to: momentDate.optional(),
});
export type ListExecutions = z.infer<typeof listExecutionsInput>;

export const executionInput = z.object({ executionId });

/** `memories`: what becomes of the facts that were learned in this conversation and nowhere else. */
export const deleteExecutionInput = executionInput.extend({ memories: z.enum(["forget", "keep"]).default("forget") });
export type DeleteExecution = z.infer<typeof deleteExecutionInput>;

/** Of a long thread only the newest part is given at once: `before` asks for what came before a part's `older`. */
export const threadInput = executionInput.extend({ before: cursor.optional() });

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
  | {
      kind: "questions";
      id: string;
      at: string;
      cardId: string;
      questions: z.infer<typeof question>[];
      status: string;
      answers: CheckedAnswer[] | null;
      turnId: string;
    }
  | {
      kind: "approval";
      id: string;
      at: string;
      cardId: string;
      approval: ApprovalRequest;
      status: string;
      comment: string | null;
      turnId: string;
    };

/** A part of a thread, newest last. */
export interface ThreadPart {
  messages: ThreadMessage[];
  /** There is more before this cursor; null where the thread begins here. */
  older: string | null;
}

/** The root's part under `root`, and by their ids the threads of the children that its turns have started. */
export interface FullThread {
  threads: Record<string, ThreadMessage[]>;
  older: string | null;
  /** Children of these turns that are too many to show here. Each can be read by itself. */
  childrenLeftOut: number;
}

/** One execution with what was said and done in it. */
export interface ExecutionView {
  execution: Execution;
  thread: ThreadEntry[];
  /** There is more before this cursor; null where the thread begins here. */
  older: string | null;
  /** Of this execution alone. */
  usage: Usage;
}

/**
 * A conversation: the newest part of its root, and each child of the turns in it on its own. `usage` counts the root and every
 * child, shown or not.
 */
export interface ConversationView {
  conversationId: string;
  version: number;
  /** The branch shown: edits end one and begin the next. */
  branch: number;
  root: ExecutionView;
  children: ExecutionView[];
  /** Children of these turns that are too many to show here. Each can be read by itself. */
  childrenLeftOut: number;
  usage: Usage;
}
