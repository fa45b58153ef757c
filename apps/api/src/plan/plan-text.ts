import { createHash } from "node:crypto";
import { type FoldedText, foldText, type LogEvent, NO_TEXT, uuidOfHash } from "@parley/contracts";
import type { ToldText } from "./plan-cursor.ts";

export interface TextDelta {
  part_id: string;
  delta: string;
}

/** A part's id: the same for whoever reads it, whenever. */
function partId(turnId: string, step: number, voids: number): string {
  return uuidOfHash(createHash("sha256").update(`${turnId} ${step} ${voids}`).digest("hex"));
}

/** Folds a log into the text that a plan tells: one part for each step of the root, and another where an attempt at it was void. */
export class PlanText {
  told: ToldText = { step: 1, chars: 0 };
  readonly #conversationId: string;
  readonly #turnId: string;
  #folded: FoldedText = NO_TEXT;
  #voids = 0;

  constructor({ conversationId, turnId }: { conversationId: string; turnId: string }) {
    this.#conversationId = conversationId;
    this.#turnId = turnId;
  }

  /** What an event adds; null where what was told of the unfinished step no longer counts. */
  take(event: LogEvent): TextDelta | undefined | null {
    this.#folded = foldText(this.#folded, event);
    if (event.type === "turn.snapshot") return this.#tellOpen();
    if (event.executionId !== this.#conversationId) return undefined;
    switch (event.type) {
      case "turn.delta":
        return this.#tellOpen();
      case "step.completed": {
        const { step, text } = event.data;
        const delta = this.#tell(step, text);
        this.told = { step: step + 1, chars: 0 };
        return delta;
      }
      case "turn.completed":
        return this.#tell(this.told.step, event.data.result);
      case "attempt.superseded": {
        const { step, chars } = this.told;
        this.#voids += 1;
        this.told = { step, chars: 0 };
        return chars > 0 ? null : undefined;
      }
      default:
        return undefined;
    }
  }

  #tellOpen(): TextDelta | undefined {
    const open = this.#folded.open[this.#conversationId];
    return open && this.#tell(open.step, open.text);
  }

  #tell(step: number, text: string): TextDelta | undefined {
    if (step < this.told.step) return undefined;
    if (step > this.told.step) this.told = { step, chars: 0 };
    const delta = text.slice(this.told.chars);
    if (delta === "") return undefined;
    this.told = { step, chars: text.length };
    return { part_id: partId(this.#turnId, step, this.#voids), delta };
  }
}
