import { GatewayError, isGatewayError, type Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { DirectCallRecord, DirectCallStore } from "../direct/direct-call-store.ts";
import type { Log } from "../logger.ts";
import type { OpenNote, UsageNotes } from "./usage-notes.ts";

/** What is used is written together, a few times a second: one statement for all calls of that time. */
const GATHER_MS = 50;
const ROWS_MAX = 500;
const RETRY_MS = 1_000;
/** At its end a process tries for so long to write what is left. */
const CLOSE_MS = 5_000;

interface BookPorts {
  store: DirectCallStore;
  clock: Clock;
  log: Log;
  limits: Pick<Limits, "unrecordedCallsMax">;
  notes: UsageNotes;
}

export interface DirectUsageBook {
  /** Throws `storage_unavailable` where so much waits to be written that no further call may be made. */
  ensureRoom(): void;
  /** What a call is using, noted under its record's id until that is written. */
  open: UsageNotes["open"];
  /** Takes a record, which ends its note, and returns at once: no answer waits for its row. */
  record(record: DirectCallRecord, note: OpenNote | null): void;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** Holds what direct calls have used until it is written; what cannot be written now is tried again, and bounds what may be used. */
export function createDirectUsageBook({ store, clock, log, limits, notes }: BookPorts): DirectUsageBook {
  const waiting: { record: DirectCallRecord; note: OpenNote | null }[] = [];
  const closing = new AbortController();
  let writing: Promise<void> | null = null;
  let giveUpAtMs = Number.POSITIVE_INFINITY;
  let rowsMax = ROWS_MAX;

  async function writeSome(): Promise<void> {
    const some = waiting.slice(0, rowsMax);
    try {
      await store.append(some.map(({ record }) => record));
      for (const { note } of waiting.splice(0, some.length)) note?.end();
      rowsMax = ROWS_MAX;
    } catch (error) {
      if (isGatewayError(error, "storage_unavailable")) {
        log.warn({ err: error, calls: waiting.length }, "usage is not written yet; it is tried again");
        await clock.sleep(closing.signal.aborted ? GATHER_MS : RETRY_MS, closing.signal.aborted ? undefined : closing.signal);
      } else if (rowsMax > 1) {
        // Whatever is wrong is wrong with one of them: the others are not to suffer from it.
        rowsMax = 1;
      } else {
        for (const { note } of waiting.splice(0, 1)) note?.end();
        log.error({ err: error, record: some[0]?.record }, "usage cannot be written");
      }
    }
  }

  async function writeAll(): Promise<void> {
    await clock.sleep(GATHER_MS, closing.signal);
    while (waiting.length > 0 && clock.monotonicMs() < giveUpAtMs) await writeSome();
    writing = null;
  }

  return {
    ensureRoom() {
      if (waiting.length < limits.unrecordedCallsMax) return;
      throw new GatewayError("storage_unavailable", { detail: "too much usage waits to be written", retryAfterSeconds: 1 });
    },
    open: (key, standing) => notes.open(key, standing),
    record(record, note) {
      waiting.push({ record, note });
      writing ??= writeAll();
    },
    async close() {
      giveUpAtMs = clock.monotonicMs() + CLOSE_MS;
      closing.abort();
      await writing;
      if (waiting.length > 0) log.error({ records: waiting.map(({ record }) => record) }, "usage was not written");
    },
  };
}
