import { isLost, type WebhookOutcome } from "../webhook/send-webhook.ts";

const FIRST_DELAY_MS = 500;
const DELAY_MAX_MS = 600_000;

interface TryFacts {
  /** From 1. */
  attempt: number;
  attemptsMax: number;
  /** From 0 to 1. */
  random: number;
}

/**
 * What becomes of a push after a try: half a second after the first failure, twice as long after each further one, ten minutes at most. A receiver
 * that is gone, may not be called or whose secret does not open is not asked again.
 */
export function nextPush(
  outcome: WebhookOutcome,
  { attempt, attemptsMax, random }: TryFacts,
): { outcome: "delivered" | "retry" | "failed"; delayMs: number } {
  const { status, retryAfterMs } = outcome;
  if (status !== null && status >= 200 && status < 300) return { outcome: "delivered", delayMs: 0 };
  if (isLost(outcome) || attempt >= attemptsMax) return { outcome: "failed", delayMs: 0 };
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), DELAY_MAX_MS);
  // A fifth less or more, so that what failed together does not come together again.
  return { outcome: "retry", delayMs: Math.round(Math.max(delayMs * (0.8 + random * 0.4), Math.min(retryAfterMs ?? 0, DELAY_MAX_MS))) };
}
