import { isGatewayError } from "@parley/contracts";
import type { Clock } from "../clock.ts";

/** How long a turn waits for a Postgres that is away, and how often it asks. */
const STORE_WAIT_MS = 300_000;
const STORE_RETRY_MS = 250;

/**
 * Does what may be done twice, again and again while the store is away: an outage is not the turn's fault, and what it has said so far is
 * worth waiting for. Throws what else goes wrong, the signal's reason when it aborts meanwhile, and the last refusal after five minutes.
 */
export async function outlastOutage<Result>(clock: Clock, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
  const until = clock.monotonicMs() + STORE_WAIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isGatewayError(error, "storage_unavailable") || clock.monotonicMs() > until) throw error;
      await clock.sleep(STORE_RETRY_MS, signal);
      signal?.throwIfAborted();
    }
  }
}
