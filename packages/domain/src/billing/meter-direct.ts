import { NO_USAGE } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { DirectCallRecord, DirectOutcome, ResponseAttempt } from "../direct/direct-call-store.ts";
import type { DirectUsage } from "../direct/direct-models.ts";
import type { DirectUsageBook } from "./direct-usage-book.ts";
import type { UsageNote } from "./usage-note-store.ts";
import type { OpenNote } from "./usage-notes.ts";

interface Metered {
  id: string;
  /** The one that is wanted. */
  model: string;
  organizationId: string;
  principalId: string;
  userId: string | null;
  route: string;
  requestId: string;
  attempt?: ResponseAttempt | undefined;
  saleId?: string | undefined;
  /** What a provider is assumed to have counted that was asked and has not begun to answer. */
  assumed: () => DirectUsage;
}

/** Counts one call, from before its first try. */
export interface DirectMeter {
  /** Another try, of this model. What the one before has used, if anything, is a record of its own: it has its own model's price. */
  tries(model: string): void;
  /** A provider has begun to answer; from here on the call has used something. */
  answers(usage: () => DirectUsage): void;
  /** The try has failed: where nothing was answered, nothing was used. */
  fails(): void;
  /** Nobody waits for an answer any more; what is known of one counts, else what is assumed. */
  givesUp(): void;
  /** The call is over: writes its record. Only the first end counts. */
  ends(outcome: DirectOutcome): void;
}

/** The only place where calls on the direct path are metered: every end of every call comes through here, exactly once. */
export function meterDirect(book: DirectUsageBook, clock: Clock, call: Metered): DirectMeter {
  book.ensureRoom();
  const startedMs = clock.monotonicMs();
  let { model } = call;
  let tries = 0;
  let part = 0;
  let usage: (() => DirectUsage) | null = null;
  let isAsked = false;
  let ended: DirectCallRecord | null = null;
  let note: OpenNote | null = null;

  function recordOf(id: string, outcome: DirectOutcome, used: DirectUsage): DirectCallRecord {
    const { organizationId, principalId, userId, route, requestId, attempt, saleId } = call;
    return {
      ...{ id, callId: call.id, part, organizationId, principalId, userId, route, requestId, attempt, saleId, model, tries, outcome },
      latencyMs: Math.round(clock.monotonicMs() - startedMs),
      at: new Date(clock.now()).toISOString(),
      ...used,
    };
  }

  /** What its process would take along. */
  function standing(): UsageNote | null {
    if (ended !== null) return { kind: "call", call: ended };
    const used = usage?.() ?? (isAsked ? call.assumed() : null);
    return used === null ? null : { kind: "call", call: recordOf(call.id, "lost", used) };
  }

  return {
    tries(tried) {
      const hasBroken = usage !== null;
      if (usage !== null) {
        book.record(recordOf(crypto.randomUUID(), "cut", usage()), null);
        tries = 0;
        part += 1;
      }
      model = tried;
      usage = null;
      tries += 1;
      isAsked = true;
      note ??= book.open(call, standing);
      // What is noted is of a part that has a record of its own by now.
      note.begun(hasBroken);
    },
    answers(known) {
      usage = known;
    },
    fails() {
      isAsked = false;
      // What is noted of it is taken back with the next write.
      note?.begun(true);
    },
    givesUp() {
      // Where nobody was asked yet, the caller has left while it waited for money.
      if (isAsked) usage ??= call.assumed;
    },
    ends(outcome) {
      if (ended !== null) return;
      ended = recordOf(call.id, outcome, usage?.() ?? NO_USAGE);
      book.record(ended, note);
    },
  };
}
