import { NO_USAGE } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { DirectCallRecord, DirectOutcome, ResponseAttempt } from "../direct/direct-call-store.ts";
import type { DirectUsage } from "../direct/direct-models.ts";
import type { DirectUsageBook } from "./direct-usage-book.ts";

interface Metered {
  id: string;
  /** The one that is wanted. */
  model: string;
  organizationId: string;
  principalId: string;
  route: string;
  requestId: string;
  attempt?: ResponseAttempt | undefined;
}

/** Counts one call, from before its first try. */
export interface DirectMeter {
  /** Another try, of this model. What the one before has used, if anything, is a record of its own: it has its own model's price. */
  tries(model: string): void;
  /** A provider has begun to answer; from here on the call has used something. */
  answers(usage: () => DirectUsage): void;
  /** Nobody waits for an answer any more; what is known of one counts. */
  givesUp(usage: () => DirectUsage): void;
  /** The call is over: writes its record. Only the first end counts. */
  ends(outcome: DirectOutcome): void;
}

/** The only place where calls on the direct path are metered: every end of every call comes through here, exactly once. */
export function meterDirect(book: DirectUsageBook, clock: Clock, call: Metered): DirectMeter {
  book.ensureRoom();
  const startedMs = clock.monotonicMs();
  let { model } = call;
  let tries = 0;
  let usage: (() => DirectUsage) | null = null;
  let ended = false;

  function record(id: string, outcome: DirectOutcome): void {
    const { organizationId, principalId, route, requestId, attempt } = call;
    const written: DirectCallRecord = {
      ...{ id, organizationId, principalId, route, requestId, attempt, model, tries, outcome },
      latencyMs: Math.round(clock.monotonicMs() - startedMs),
      at: new Date(clock.now()).toISOString(),
      ...(usage?.() ?? NO_USAGE),
    };
    book.record(written);
  }

  return {
    tries(tried) {
      if (usage !== null) {
        record(crypto.randomUUID(), "cut");
        tries = 0;
      }
      model = tried;
      usage = null;
      tries += 1;
    },
    answers(known) {
      usage = known;
    },
    givesUp(assumed) {
      // Where nobody was asked yet, the caller has left while it waited for money.
      if (tries > 0) usage ??= assumed;
    },
    ends(outcome) {
      if (ended) return;
      ended = true;
      record(call.id, outcome);
    },
  };
}
