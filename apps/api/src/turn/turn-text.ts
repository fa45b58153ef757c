import { type EventOf, GatewayError, type LogEvent, type TurnEndReason, type Usage } from "@parley/contracts";
import { trackMessage } from "@parley/router";
import type { Accepted } from "./begin-turn.ts";
import { cardText } from "./card-text.ts";
import { turnFailure } from "./turn-failure.ts";

/** What an event adds to the answer's text; or what of its end no longer counts. */
export type TextPiece = { add: string } | { retract: number };

export interface TurnEnd {
  finish: "stop" | "length";
  /** Null where the turn has not ended, but waits for the user. */
  usage: Usage | null;
}

const LENGTH: ReadonlySet<TurnEndReason> = new Set<TurnEndReason>(["steps_exhausted", "answer_too_long"]);
const BETWEEN_STEPS = "\n\n";

/** A failed turn, in the words of the error table. */
const failureOf = (failed: EventOf<"turn.failed">["data"]): GatewayError => {
  const { reason, text } = failed;
  const refused = reason === "budget" ? turnFailure(failed) : null;
  if (refused !== null) return refused;
  const code = reason === "model_rejected" || reason === "model_unavailable" ? reason : "internal";
  return new GatewayError(code, { text, detail: `the turn failed: ${reason}` });
};

/** Folds the log of a conversation into the text of one turn's answer: what all its steps say, and what it asks. */
export class TurnText {
  /** Once there is nothing more to come. */
  end: TurnEnd | null = null;
  readonly #conversationId: string;
  readonly #track: ReturnType<typeof trackMessage>;
  /** Of the unfinished step. */
  #open = "";
  #said = false;
  #needsGap = false;

  constructor(accepted: Accepted) {
    this.#conversationId = accepted.conversationId;
    this.#track = trackMessage(accepted);
  }

  /** Takes the next event. Throws where the turn failed, or the message left the queue. */
  take(event: LogEvent): TextPiece[] {
    const standing = this.#track(event);
    if (standing === "left")
      throw new GatewayError("message_not_waiting", { text: "The message was taken out of the queue before it ran." });
    if (standing === "waits") return [];
    // The children's words are the agent's to use, not the answer's.
    if (event.executionId !== this.#conversationId && event.type !== "turn.snapshot" && event.type !== "card.opened") return [];
    switch (event.type) {
      case "turn.delta": {
        const { offset, text } = event.data;
        // A piece behind a hole waits for the snapshot, or for the whole step.
        return offset > this.#open.length ? [] : this.#add(text.slice(this.#open.length - offset));
      }
      case "turn.snapshot": {
        const mine = event.data.texts.find(({ executionId }) => executionId === this.#conversationId);
        return mine === undefined ? [] : this.#become(mine.text);
      }
      case "step.completed": {
        const pieces = this.#become(event.data.text);
        this.#seal();
        return pieces;
      }
      case "attempt.superseded":
        return this.#become("");
      case "card.opened": {
        this.#seal();
        const pieces = this.#add(cardText(event.data));
        this.#seal();
        return pieces;
      }
      case "turn.paused":
        this.end = { finish: "stop", usage: null };
        return [];
      case "turn.completed":
      case "turn.stopped":
        this.end = { finish: "stop", usage: event.data.usage };
        return [];
      case "turn.failed":
        if (!LENGTH.has(event.data.reason)) throw failureOf(event.data);
        this.end = { finish: "length", usage: event.data.usage };
        return [];
      default:
        return [];
    }
  }

  #seal(): void {
    this.#needsGap = this.#said;
    this.#open = "";
  }

  #add(text: string): TextPiece[] {
    if (text === "") return [];
    this.#open += text;
    this.#said = true;
    const gap = this.#needsGap ? BETWEEN_STEPS : "";
    this.#needsGap = false;
    return [{ add: gap + text }];
  }

  /** The unfinished step has said exactly this. */
  #become(text: string): TextPiece[] {
    if (text.startsWith(this.#open)) return this.#add(text.slice(this.#open.length));
    const pieces: TextPiece[] = [{ retract: this.#open.length }];
    this.#open = "";
    return [...pieces, ...this.#add(text)];
  }
}
