import type { DispatchMode } from "./agent.ts";
import type { RefusedBy } from "./budget.ts";
import type { ApprovalRequest, CardOutcome, CheckedAnswer, Decision } from "./card.ts";
import type { Cursor } from "./cursor.ts";
import type { EndUser, ExecutionStatus, MessageInput, TurnEndReason, TurnOptions, Usage } from "./execution.ts";
import type { PeerReport, PeerRequest, PeerState } from "./peer.ts";
import type { Question } from "./question.ts";

export type MessageMode = "auto" | "queue" | "collect" | "steer" | "interrupt" | "reject";
export type QueueAction = "enqueue" | "drain" | "cancel" | "clear" | "reorder" | "expire";

export interface CallRecord {
  callId: string;
  name: string;
  arguments: string;
}

/** One execution's text within its current step, as far as it is known. */
export interface TextSoFar {
  executionId: string;
  step: number;
  text: string;
}

/** Every fact of a conversation's log. Facts are only added; meaning never changes under an old name. */
export interface EventData {
  /** A message became a turn that will run next. */
  "turn.created": {
    messageId: string;
    turnId: string;
    input: MessageInput;
    user: EndUser | null;
    options: TurnOptions;
    mode: MessageMode;
    /** Messages whose text is in `input`, too, and which have no turn of their own. */
    merged?: { messageId: string; turnId: string }[];
  };
  "turn.started": { turnNumber: number; attempt: number; agentVersion: number };
  /** A piece of text. `offset` counts the characters of this execution's step before it. Not durable: joined, kept in Redis. */
  "turn.delta": { step: number; offset: number; text: string };
  /** The whole text so far; replaces what was folded from deltas. */
  "turn.snapshot": { texts: TextSoFar[] };
  /**
   * The unfinished step starts again: under another worker, or because the model broke off (`upstream`; then the attempt
   * stays the same and only this execution's text is void). Unfinished text from `discardFrom` on no longer counts.
   */
  "attempt.superseded": { attempt: number; nextAttempt: number; discardFrom: Cursor; reason: "lease_lost" | "shutdown" | "upstream" };
  /** The model's whole response of one step. */
  "step.completed": { step: number; text: string; calls: CallRecord[]; model: string; finishReason: string };
  "tool.called": { step: number; callId: string; tool: string; arguments: unknown };
  /** `unknown`: whether the call was made cannot be said, and it was not made again. */
  "tool.returned": { step: number; callId: string; tool: string; result: string; isError: boolean; unknown?: true };
  "child.created": {
    childId: string;
    agentId: string;
    agentVersion: number;
    agentName: string;
    mode: Exclude<DispatchMode, "auto">;
    query: string;
    /** The child is a call of a peer; `agentId` is the agent's that has called it. */
    peer?: PeerRequest;
  };
  "child.finished": {
    childId: string;
    agentId: string;
    mode: Exclude<DispatchMode, "auto">;
    status: ExecutionStatus;
    result: string | null;
    reason: TurnEndReason | null;
    usage: Usage;
    /** What came of a call of a peer; `result` stands in an envelope then. */
    report?: PeerReport;
    /** Which call of which peer it was, of those that ran within the turn: a reader may not have seen it begin. */
    call?: Pick<PeerRequest, "name" | "skill" | "callId">;
  };
  /** What a peer's task is at, in the peer's own words. About the child. */
  "peer.progressed": { childId: string; state: PeerState; taskId: string; text: string };
  "model.retried": { model: string; retry: number; delayMs: number; error: string };
  "model.fell_back": { from: string; to: string; error: string };
  /** `messageIds` where it is not about a single one: `clear` and `expire`. */
  "queue.updated": { action: QueueAction; messageId: string | null; messageIds?: string[]; queueDepth: number };
  /** A message that waits has another text or other files. */
  "message.edited": { messageId: string; input: MessageInput };
  /** The running turn goes on with this message in its context, from behind that step. */
  "steer.applied": { messageId: string; step: number; text: string; files: string[] };
  /** The turn ended first: the message waits at the head of the queue. */
  "steer.deferred": { messageId: string; queueDepth: number };
  /** The turns from `fromTurn` on were cut off and stay as a branch; the new message's turn comes instead. */
  "conversation.edited": { messageId: string; newMessageId: string; branch: number; fromTurn: number };
  /** All turns up to that one stay as a branch; the conversation begins anew. */
  "conversation.reset": { branch: number; throughTurn: number };
  "card.opened": { cardId: string; expiresAt: string | null } & (
    | { kind: "questions"; questions: Question[] }
    | { kind: "approval"; approval: ApprovalRequest }
  );
  "card.closed": { cardId: string; outcome: CardOutcome; answer?: { answers: CheckedAnswer[] } | Decision; by?: string };
  /** `attempt`: the one that asked. Absent in logs from before it was told. */
  "turn.paused": { cardIds: string[]; attempt?: number };
  /** `cardId`: the last one closed, where a person closed it. */
  "turn.resumed": { cardId: string | null; attempt?: number };
  /** A background child waits for a person. */
  "child.paused": { childId: string; agentId: string; cardIds: string[] };
  /** A summary stands for turns up to that one in the prompts from now on. Level 1 is made of turns, others of summaries. */
  "conversation.compacted": { throughTurn: number; level: number };
  /** Before the turn's first step earlier turns were summarised, where the turn asked for it: `summary` stands for all that is not shown. Tokens are estimates. */
  "history.compacted": { summary: string; turns: number; tokensBefore: number; tokensAfter: number };
  /** The three ends of a turn. `more`: the next queued message runs right after. `result` is the whole answer so far. */
  "turn.completed": { turnNumber: number; result: string; usage: Usage; more: boolean };
  "turn.failed": {
    turnNumber: number;
    status: "failed" | "error";
    reason: TurnEndReason;
    text: string;
    /** Of the reason `budget`: which balance or budget. Whoever may read the log reads it, so it has no figures. */
    refusedBy?: RefusedBy;
    result: string | null;
    usage: Usage;
    more: boolean;
  };
  "turn.stopped": { turnNumber: number; reason: TurnEndReason; result: string | null; usage: Usage; more: boolean };
}

export type EventType = keyof EventData;

interface EventBase<Type extends EventType> {
  cursor: Cursor;
  /** On the first event of an epoch: the durable head that it follows. */
  previous?: Cursor;
  type: Type;
  /** The execution that the fact is about: the root, or a sync child whose events are forwarded. */
  executionId: string;
  turnId: string | null;
  at: string;
  data: EventData[Type];
}

export type LogEvent = { [Type in EventType]: EventBase<Type> }[EventType];
export type EventOf<Type extends EventType> = EventBase<Type>;

/** An event before the log gave it its cursor and time. */
export type NewEvent = {
  [Type in EventType]: { type: Type; executionId: string; turnId: string | null; data: EventData[Type] };
}[EventType];

/** Deltas live in Redis and are lost with it; every other fact is committed before it is published. */
export const isDurable = (type: EventType): boolean => type !== "turn.delta";

const TURN_ENDS: ReadonlySet<EventType> = new Set<EventType>(["turn.completed", "turn.failed", "turn.stopped"]);
export const isTurnEnd = (type: EventType): boolean => TURN_ENDS.has(type);
