import { GatewayError } from "@parley/contracts";
import { readTurnCursor, type TurnCursor, writeTurnCursor } from "../turn/turn-cursor.ts";

/** How much of the answer's text a reader has: of which step, and so many UTF-16 units of it. */
export interface ToldText {
  step: number;
  chars: number;
}

/** Where a plan's stream stands: its turn, the last event that was told whole, how many frames of the next one were, and how much text. */
export interface PlanCursor extends TurnCursor {
  frames: number;
  text: ToldText;
}

const SEPARATOR = "_";
const NUMBERS = /^\d{1,9}$/;
/** The turn's own. */
const PARTS = 5;

export const writePlanCursor = ({ frames, text, ...turn }: PlanCursor): string =>
  [writeTurnCursor(turn), frames, text.step, text.chars].join(SEPARATOR);

/** Throws `invalid_cursor`. */
export function readPlanCursor(given: string): PlanCursor {
  const numbers = given.split(SEPARATOR).slice(PARTS);
  const [frames, step, chars] = numbers.map(Number);
  if (
    frames === undefined ||
    step === undefined ||
    chars === undefined ||
    numbers.length > 3 ||
    !numbers.every((one) => NUMBERS.test(one))
  ) {
    throw new GatewayError("invalid_cursor");
  }
  return { ...readTurnCursor(given), frames, text: { step, chars } };
}
