import type { Allowance } from "../billing/purse.ts";
import type { DirectAnswer, StreamEvent } from "./direct-models.ts";

/** What is set aside is rather too much than too little. */
export const HOLD_FACTOR = 4 / 3;

/**
 * What waits until there is money for what a stream has said with these events: by its provider's own count where that comes with them, else by ours, and
 * never less than a token for each event, as some scripts have more of them than a few letters tell. Throws `budget_exhausted`.
 */
export function coverStream({ usage }: Pick<DirectAnswer, "usage">, allowance: Allowance): (events: StreamEvent[]) => Promise<void> {
  let pieces = 0;
  return (events) => {
    pieces += events.length;
    const { outputTokens, estimated } = usage();
    return allowance.cover(estimated ? Math.max(pieces, Math.ceil(outputTokens * HOLD_FACTOR)) : outputTokens);
  };
}
