import { z } from "zod";
import { dispatchMode } from "./agent.ts";
import type { RefusedBy } from "./budget.ts";
import { BOUNDS } from "./limits.ts";
import { USER_NAME_CHARS_MAX } from "./user-name.ts";

export const EXECUTION_STATUSES = ["pending", "executing", "paused", "error", "failed", "completed", "stopped"] as const;
export const executionStatus = z.enum(EXECUTION_STATUSES);
/** `failed` is the agent's own outcome, `error` one of the infrastructure. */
export type ExecutionStatus = z.infer<typeof executionStatus>;

const TERMINAL: ReadonlySet<ExecutionStatus> = new Set(["error", "failed", "completed", "stopped"]);
export const isTerminal = (status: ExecutionStatus): boolean => TERMINAL.has(status);

/** Whom a turn is attributed to. A claimed role or privilege is no part of it and is dropped. */
export const endUser = z.object({
  email: z.string().max(320),
  displayName: z.string().max(200).nullish(),
  id: z.string().max(USER_NAME_CHARS_MAX).nullish(),
  firstName: z.string().max(200).nullish(),
  lastName: z.string().max(200).nullish(),
  timezone: z.string().max(64).nullish(),
  additionalAttributes: z
    .record(z.string(), z.json())
    .refine((attributes) => JSON.stringify(attributes).length <= BOUNDS.endUserAttributesCharsMax.ceiling, {
      message: `Longer than ${BOUNDS.endUserAttributesCharsMax.ceiling} characters of JSON.`,
    })
    .nullish(),
});
export type EndUser = z.infer<typeof endUser>;

/**
 * `text` is counted in UTF-16 units; `files` are URLs. One of the two is needed. Messages are held to the limits at
 * admission; here only to their ceilings.
 */
export const messageInput = z.object({
  text: z.string().max(BOUNDS.messageCharsMax.ceiling).default(""),
  files: z.array(z.url().max(2_048)).max(BOUNDS.filesPerMessageMax.ceiling).default([]),
});
export type MessageInput = z.infer<typeof messageInput>;

export const reasoningEffort = z.enum(["low", "medium", "high", "xhigh"]);
export type ReasoningEffort = z.infer<typeof reasoningEffort>;
/** `voice` is a word of the wire that is refused: nothing here speaks yet. */
export const outputFormat = z
  .enum(["text", "markdown", "json", "voice"])
  .refine((format) => format !== "voice", "Speech is not served yet.");

/** What a caller may set for one turn. */
export const turnOptions = z.object({
  instructionsOverride: z.string().max(BOUNDS.messageCharsMax.ceiling).optional(),
  additionalContext: z.string().max(BOUNDS.messageCharsMax.ceiling).optional(),
  expectedOutput: z.string().max(BOUNDS.messageCharsMax.ceiling).optional(),
  outputFormat: outputFormat.optional(),
  outputSchema: z.record(z.string(), z.json()).optional(),
  model: z.string().min(1).max(200).optional(),
  reasoningEffort: reasoningEffort.optional(),
  /** Forces the mode of every dispatched child; sticky on the conversation until changed. */
  subTasks: dispatchMode.optional(),
  title: z.string().max(500).optional(),
  source: z.string().max(200).optional(),
  sourceNodeType: z.string().max(40).optional(),
  workerId: z.string().max(200).optional(),
  triggeringAgentId: z.string().max(200).optional(),
  payloadExtension: z.record(z.string(), z.json()).optional(),
  /** `harder`: one level more of reasoning effort than otherwise, in this turn. */
  thinkMode: z.enum(["default", "harder"]).optional(),
  /** The caller looks at tokens and duration; they are always there. */
  returnMetrics: z.boolean().optional(),
  /** Steps of the turn, in place of the agent's own bound; never more than `stepsPerTurnMax`. */
  stepsMax: z.int().positive().max(BOUNDS.stepsPerTurnMax.ceiling).optional(),
  /** How long the turn may work, in place of `turnMs`; never more than `turnAskedMs`. */
  timeoutMs: z.int().min(1_000).max(BOUNDS.turnAskedMs.ceiling).optional(),
  /** How many agents of others, one behind the other, may work for the turn; never more than `peerHopsMax`. 0: no peer is called. */
  hopsMax: z.int().min(0).max(BOUNDS.peerHopsMax.ceiling).optional(),
  /** Kept from going round in circles: a third identical call in a row is answered and not made, and the last step has no tools and concludes. */
  guarded: z.boolean().optional(),
  /**
   * The caller keeps the summary of the turns up to this one itself: a tail that is too long is summarised before the first step, and
   * `history.compacted` tells it.
   */
  summaryKnownThrough: z
    .int()
    .min(0)
    .max(BOUNDS.planHistoryMax.ceiling * 2)
    .optional(),
});
export type TurnOptions = z.infer<typeof turnOptions> & {
  /** How many peers the message has brought along. */
  peers?: number;
  /** Tokens of each answer of a model within the turn; never more than the agent's own bound. */
  outputTokensMax?: number;
  /** The run is a call of a peer. */
  peerCall?: true;
};

/** Tokens. `estimated` marks counts of ours where the provider sent none. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  reasoningTokens: number;
  modelCalls: number;
  estimated: boolean;
}

export const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0, modelCalls: 0, estimated: false };

export const addUsage = (a: Usage, b: Usage): Usage => ({
  inputTokens: a.inputTokens + b.inputTokens,
  outputTokens: a.outputTokens + b.outputTokens,
  cachedTokens: a.cachedTokens + b.cachedTokens,
  reasoningTokens: a.reasoningTokens + b.reasoningTokens,
  modelCalls: a.modelCalls + b.modelCalls,
  estimated: a.estimated || b.estimated,
});

/** How an execution was started: by a message, or by the router as a waiting or a background child. */
export type ExecutionMode = "root" | "sync" | "async";

/** A run with status, result and usage. A conversation's root execution describes its latest turn. */
export interface Execution {
  id: string;
  organizationId: string;
  conversationId: string;
  agentId: string;
  agentVersion: number;
  parentId: string | null;
  mode: ExecutionMode;
  status: ExecutionStatus;
  input: MessageInput;
  user: EndUser | null;
  options: TurnOptions;
  result: string | null;
  /** Why a turn ended other than by an answer: a code of `TurnEndReason`. */
  reason: TurnEndReason | null;
  /** Of the reason `budget`: which balance or budget, without its figures. */
  refusedBy: RefusedBy | null;
  title: string | null;
  turnId: string | null;
  turnNumber: number;
  attempt: number;
  stoppedByUser: boolean;
  usage: Usage;
  /** Of its newest 200 children those at work, and the others. */
  childIds: string[];
  finishedChildIds: string[];
  /** The tools that it called in its newest turn; only where one execution is read by itself. */
  usedTools?: string[];
  createdAt: string;
  startedAt: string | null;
  finishedAt: string | null;
  updatedAt: string;
}

export type TurnEndReason =
  | "user_stop"
  | "shutdown"
  | "lease_lost"
  | "budget"
  | "timeout"
  | "superseded"
  | "steps_exhausted"
  | "attempts_exhausted"
  | "answer_too_long"
  | "model_rejected"
  | "model_unavailable"
  | "peer_failed"
  /** The agent that was called wants to be shown something, and there is nothing. */
  | "peer_token_missing"
  | "internal";
