import {
  type A2aState,
  type A2aTask,
  type Card,
  compareCursors,
  type EventOf,
  hasTaskEnded,
  type LogEvent,
  type RefusedBy,
  type TurnEndReason,
} from "@parley/contracts";
import { answerArtifact, wireStatus } from "./to-wire-task.ts";
import type { WireEvent } from "./wire.ts";

/**
 * Folds a conversation's log into what A2A tells of one task behind its snapshot. The answer is one artifact: what a step says is appended to it as it
 * comes, and where that no longer counts, be it that a step only led to calls or that another worker began it anew, the artifact is sent whole again
 * in place of what was there. What lies before the snapshot's head is folded and not told.
 */
export class TaskFeed {
  /** What the task is after what was told. */
  state: A2aState;
  readonly #task: A2aTask;
  /** Of the unfinished step. */
  #step = -1;
  #open = "";
  /** What the client has of the answer; null: nothing. */
  #told: string | null = null;
  #asked: Card[] = [];

  constructor(task: A2aTask) {
    this.#task = task;
    this.state = task.state;
  }

  /** Takes the next event; gives what is to be told of it. */
  take(event: LogEvent): WireEvent[] {
    const isKnown = compareCursors(event.cursor, this.#task.head) <= 0;
    return isKnown ? this.#fold(event) : this.#tell(event);
  }

  /** What changes the text and is not told: what stands in the snapshot, or belongs to a turn of before. */
  #fold(event: LogEvent): WireEvent[] {
    this.#read(event);
    return [];
  }

  #tell(event: LogEvent): WireEvent[] {
    if (hasTaskEnded(this.state)) return [];
    if (event.type === "queue.updated") return this.#leaves(event) ? this.#become("canceled", event.at) : [];
    if (event.turnId !== this.#task.id) return [];
    const hasSpoken = this.#read(event);
    if (hasSpoken) return this.#say(this.#open);
    if (event.type === "turn.paused") return this.#become("input_required", event.at);
    if (event.executionId !== this.#task.conversationId) return [];
    switch (event.type) {
      case "turn.started":
      case "turn.resumed":
        return this.#become("working", event.at);
      case "turn.completed":
        return [...this.#conclude(event.data.result), ...this.#become("completed", event.at)];
      case "turn.failed":
        return [...this.#conclude(event.data.result), ...this.#become("failed", event.at, event.data)];
      case "turn.stopped":
        return [...this.#conclude(event.data.result), ...this.#become("canceled", event.at, event.data)];
      default:
        return [];
    }
  }

  /** Keeps what the step says by now and what is asked. True where there is more of the text. */
  #read(event: LogEvent): boolean {
    if (event.turnId !== this.#task.id) return false;
    if (event.type === "card.opened") {
      this.#asked.push(toAsked(event));
      return false;
    }
    if (event.type === "turn.resumed") this.#asked = [];
    if (event.type === "turn.snapshot") {
      const mine = event.data.texts.find(({ executionId }) => executionId === this.#task.conversationId);
      return mine !== undefined && this.#hear(mine.step, 0, mine.text);
    }
    if (event.executionId !== this.#task.conversationId) return false;
    if (event.type === "turn.delta") return this.#hear(event.data.step, event.data.offset, event.data.text);
    if (event.type === "step.completed") return this.#hear(event.data.step, 0, event.data.text);
    if (event.type === "attempt.superseded") this.#open = "";
    return false;
  }

  /** A piece behind a hole waits for the snapshot, or for the whole step. */
  #hear(step: number, offset: number, text: string): boolean {
    const before = this.#step === step ? this.#open : "";
    if (offset > before.length) return false;
    this.#step = step;
    this.#open = before.slice(0, offset) + text;
    return this.#open !== "";
  }

  #artifact(text: string, { append, lastChunk }: { append: boolean; lastChunk: boolean }): WireEvent {
    const { id: taskId, contextId } = this.#task;
    return { artifactUpdate: { taskId, contextId, artifact: answerArtifact(text), append, lastChunk } };
  }

  #say(text: string): WireEvent[] {
    const told = this.#told;
    if (text === told) return [];
    this.#told = text;
    if (told === null || !text.startsWith(told)) return [this.#artifact(text, { append: false, lastChunk: false })];
    return [this.#artifact(text.slice(told.length), { append: true, lastChunk: false })];
  }

  /** The whole answer, as it stands in the task from now on. */
  #conclude(result: string | null): WireEvent[] {
    const whole = result ?? "";
    const told = this.#told;
    if (told === null && whole === "") return [];
    this.#told = whole;
    if (told === null || !whole.startsWith(told)) return [this.#artifact(whole, { append: false, lastChunk: true })];
    return [this.#artifact(whole.slice(told.length), { append: true, lastChunk: true })];
  }

  #become(state: A2aState, at: string, { reason, refusedBy }: { reason?: TurnEndReason; refusedBy?: RefusedBy } = {}): WireEvent[] {
    if (this.state === state) return [];
    this.state = state;
    const { id: taskId, contextId } = this.#task;
    return [{ statusUpdate: { taskId, contextId, status: wireStatus(this.#task, { state, at, reason, refusedBy, asked: this.#asked }) } }];
  }

  #leaves({ data: { action, messageId, messageIds = [] } }: EventOf<"queue.updated">): boolean {
    const mine = this.#task.messageId;
    return (action === "cancel" || action === "clear" || action === "expire") && (messageId === mine || messageIds.includes(mine));
  }
}

function toAsked({ data, turnId, executionId, at }: EventOf<"card.opened">): Card {
  const { cardId: id, expiresAt, ...card } = data;
  const base = {
    id,
    turnId: turnId ?? "",
    executionId,
    status: "open",
    answeredBy: null,
    createdAt: at,
    expiresAt,
    closedAt: null,
  } as const;
  return card.kind === "questions" ? { ...base, ...card, answer: null } : { ...base, ...card, answer: null };
}
