import {
  ERRORS,
  type ErrorCode,
  type EventOf,
  type EventType,
  GatewayError,
  isGatewayError,
  type LogEvent,
  type TurnEndReason,
  type Usage,
} from "@parley/contracts";
import { trackMessage } from "@parley/router";
import { refusedRow } from "../tell-refused-by.ts";
import type { PlanCursor, ToldText } from "./plan-cursor.ts";
import { failureOf, type PlanFailure, type PlanFrame } from "./plan-frame.ts";
import { PlanTasks } from "./plan-tasks.ts";
import { PlanText } from "./plan-text.ts";

export interface PlanEnd {
  stopReason: "stop" | "length" | "tool-calls" | "error" | "input-required";
  /** Null: it stands on the execution's row. */
  usage: Usage | null;
  failure: PlanFailure | null;
}

/** What may come before a plan's first step. */
const BEFORE_PLAN: ReadonlySet<EventType> = new Set<EventType>([
  "turn.created",
  "turn.started",
  "conversation.compacted",
  "history.compacted",
  "queue.updated",
  "attempt.superseded",
  "model.retried",
  "model.fell_back",
]);

const STOP_REASONS: Partial<Record<TurnEndReason, PlanEnd["stopReason"]>> = { steps_exhausted: "tool-calls", answer_too_long: "length" };

type Place = Pick<PlanCursor, "conversationId" | "messageId" | "turnId">;

/** Folds a conversation's log into the frames of one plan, in the order that is promised. */
export class PlanTeller {
  /** Once there is nothing more to come. */
  end: PlanEnd | null = null;
  readonly #place: Place;
  readonly #track: ReturnType<typeof trackMessage>;
  readonly #text: PlanText;
  readonly #tasks: PlanTasks;
  /** Its history may be summarised first. */
  #mayCompact = false;
  #isPlanTold = false;
  #isSummaryTold = false;
  #timeoutMs: number | undefined;

  constructor(place: Place) {
    this.#place = place;
    this.#track = trackMessage(place);
    this.#text = new PlanText(place);
    this.#tasks = new PlanTasks(place.conversationId);
  }

  get told(): ToldText {
    return this.#text.told;
  }

  /** The reader has this much of the text, whatever is still kept of how it was said. */
  resume(told: ToldText): void {
    this.#text.told = told;
    this.#isPlanTold ||= told.step > 1 || told.chars > 0;
  }

  /** Takes the next event. Throws `attempt_superseded` where told text no longer counts; the events behind it can be taken all the same. */
  take(event: LogEvent): PlanFrame[] {
    if (this.end !== null) return [];
    const standing = this.#track(event);
    if (standing === "left") {
      const gone = new GatewayError("message_not_waiting", { text: "The plan was taken out of the queue before it ran." });
      this.end = { stopReason: "error", usage: null, failure: failureOf(gone) };
      return [];
    }
    if (standing === "waits") return [];
    if (event.type === "turn.created") {
      this.#mayCompact = event.data.options.summaryKnownThrough !== undefined;
      this.#timeoutMs = event.data.options.timeoutMs;
    }
    const frames = [...this.#start(event), ...this.#tellText(event), ...this.#tasks.take(event)];
    this.end = this.#endOf(event);
    return frames;
  }

  #start(event: LogEvent): PlanFrame[] {
    const { conversationId, turnId } = this.#place;
    if (this.#isPlanTold) return [];
    if (event.type === "history.compacted" && !this.#isSummaryTold) {
      this.#isSummaryTold = true;
      return [{ event: "compaction-summary", data: summaryData(conversationId, event) }];
    }
    if (this.#mayCompact && BEFORE_PLAN.has(event.type)) return [];
    this.#isPlanTold = true;
    return [{ event: "plan", data: { plan_id: turnId, session_id: conversationId } }];
  }

  #tellText(event: LogEvent): PlanFrame[] {
    const delta = this.#text.take(event);
    if (delta === null) throw new GatewayError("attempt_superseded");
    return delta === undefined ? [] : [{ event: "text.delta", data: { session_id: this.#place.conversationId, ...delta } }];
  }

  #endOf(event: LogEvent): PlanEnd | null {
    if (event.executionId !== this.#place.conversationId) return null;
    switch (event.type) {
      case "turn.paused":
        return { stopReason: "input-required", usage: null, failure: null };
      case "turn.completed":
        return { stopReason: "stop", usage: event.data.usage, failure: null };
      case "turn.stopped":
        return { stopReason: "error", usage: event.data.usage, failure: this.#failure(event.data.reason, "The plan was stopped.") };
      case "turn.failed": {
        const { reason, text, refusedBy, usage } = event.data;
        const stopReason = STOP_REASONS[reason] ?? "error";
        const failure = { ...this.#failure(reason, text), ...(refusedBy && { refused_by: refusedRow(refusedBy) }) };
        return { stopReason, usage, failure: stopReason === "error" ? failure : null };
      }
      default:
        return null;
    }
  }

  #failure(reason: TurnEndReason, text: string): PlanFailure {
    const isLate = reason === "timeout" && this.#timeoutMs !== undefined;
    const message = isLate ? `plan deadline exceeded after ${this.#timeoutMs} ms` : text;
    return { code: reason, message, retryable: reason in ERRORS && ERRORS[reason as ErrorCode].retry };
  }
}

export const isSuperseded = (error: unknown): boolean => isGatewayError(error, "attempt_superseded");

const summaryData = (conversationId: string, { data }: EventOf<"history.compacted">) => ({
  session_id: conversationId,
  summary: data.summary,
  tokens_before: data.tokensBefore,
  tokens_after: data.tokensAfter,
  messages_compacted: data.turns * 2,
});
