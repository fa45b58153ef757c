import { isGatewayError } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";

const EVERY_MS = 15_000;
const TRIES = 6;
const PAUSE_MS = 100;

/** Says every so often that somebody is at it, until what it returns is called, or nobody wants to hear it any more. */
export function sayAlive({ clock, log }: { clock: Clock; log: Log }, say: () => Promise<boolean>): () => void {
  const over = new AbortController();
  void (async () => {
    for (;;) {
      await clock.sleep(EVERY_MS, over.signal);
      if (over.signal.aborted) return;
      const isHeard = await say().catch((error: unknown) => {
        log.warn({ err: error }, "nobody heard that a payment is being worked on");
        return true;
      });
      if (!isHeard) return;
    }
  })();
  return () => over.abort();
}

/** Asks again, for some seconds, while the database is away. What is asked has to be good for asking twice. */
export async function untilHeard<Answer>(clock: Clock, ask: () => Promise<Answer>): Promise<Answer> {
  for (let tried = 1; ; tried++) {
    try {
      return await ask();
    } catch (error) {
      if (tried >= TRIES || !isGatewayError(error, "storage_unavailable")) throw error;
      await clock.sleep(PAUSE_MS * 2 ** tried);
    }
  }
}
