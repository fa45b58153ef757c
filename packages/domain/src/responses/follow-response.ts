import { GatewayError } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import { EVENTS_AT_START } from "./background-response.ts";
import { isEnded } from "./response.ts";
import type { ResponseKey } from "./response-store.ts";

/** What the tail does not say is found by looking. */
const LOOK_MS = 500;
/** The last event that every attempt tells alike: it begins. */
const LAST_COMMON = EVENTS_AT_START;

const superseded = (): GatewayError =>
  new GatewayError("attempt_superseded", { text: "The response was begun anew: read it from its first event." });

/**
 * The events of a stored response behind `after`, as they were first told, then those that come, until it has ended. Throws `attempt_superseded` where
 * what was read before no longer counts, and `not_found` where the response is gone.
 */
export async function* followResponse(
  { responses, tail, clock }: Pick<GatewayContext, "responses" | "tail" | "clock">,
  key: ResponseKey,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<string[], void> {
  let wake = new AbortController();
  const unsubscribe = await tail.subscribe(key.responseId, () => wake.abort());
  try {
    let seen = after;
    let known: number | null = null;
    while (!signal.aborted) {
      const page = await responses.readEvents(key, seen);
      if (page === null) throw new GatewayError("not_found");
      const wasSuperseded = known === null ? seen <= page.supersededThrough : page.supersededThrough > known;
      if (wasSuperseded && seen > LAST_COMMON) throw superseded();
      known = page.supersededThrough;
      if (page.events.length > 0) {
        yield page.events;
        seen += page.events.length;
      } else if (isEnded(page.status)) return;
      else {
        const bound = setTimeout(() => wake.abort(), LOOK_MS);
        await clock.sleep(LOOK_MS, AbortSignal.any([wake.signal, signal]));
        clearTimeout(bound);
        wake = new AbortController();
      }
    }
  } finally {
    unsubscribe();
  }
}
