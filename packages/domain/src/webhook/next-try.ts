import { isLost, type WebhookOutcome } from "./send-webhook.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** After the first failure, the second, and so on: three days in all. */
const DELAYS_MS = [5_000, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS];
const LAST_DELAY_MS = 24 * HOUR_MS;

interface TryFacts {
  /** From 1. */
  attempt: number;
  attemptsMax: number;
  /** From 0 to 1. */
  random: number;
}

/** What becomes of a delivery after a try: an endpoint that is gone, may not be called or whose secret does not open is not asked again. */
export function nextTry(
  outcome: WebhookOutcome,
  { attempt, attemptsMax, random }: TryFacts,
): { outcome: "delivered" | "retry" | "failed"; delayMs: number } {
  const { status, retryAfterMs } = outcome;
  if (status !== null && status >= 200 && status < 300) return { outcome: "delivered", delayMs: 0 };
  if (isLost(outcome) || attempt >= attemptsMax) return { outcome: "failed", delayMs: 0 };
  // A tenth less or more, so that what failed together does not come together again.
  const jittered = (DELAYS_MS[attempt - 1] ?? LAST_DELAY_MS) * (0.9 + random * 0.2);
  return { outcome: "retry", delayMs: Math.round(Math.max(jittered, Math.min(retryAfterMs ?? 0, LAST_DELAY_MS))) };
}
