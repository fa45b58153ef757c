import type { Limits } from "@parley/contracts";
import { pastMessages } from "../turn/past-turn.ts";
import type { PastTurn } from "../turn/turn-store.ts";

type Bounds = Pick<Limits, "historyTurnsMax" | "historyCharsMax">;

/** Before a turn falls out of the prompt: summaries are made beside the turns, and the next ones must not wait for them. */
const DUE = 0.75;
/** What stays of a tail that was too long. */
const KEPT = 0.375;

/** Whether so much stands behind the newest summary that the oldest of it has to be summarised. */
export function isTailTooLong(history: PastTurn[], { historyTurnsMax, historyCharsMax }: Bounds): boolean {
  if (history.length > historyTurnsMax * DUE) return true;
  let chars = 0;
  for (const past of history) for (const message of pastMessages(past)) chars += message.content.length;
  return chars > historyCharsMax * DUE;
}

/** The newest turns that stay as they are. */
export const tailBounds = ({ historyTurnsMax, historyCharsMax }: Bounds) => ({
  tailTurnsMax: Math.ceil(historyTurnsMax * KEPT),
  tailBytesMax: Math.ceil(historyCharsMax * KEPT),
});
