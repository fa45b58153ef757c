import { isGatewayError, type Limits, newId } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import type { KeptNote, UsageNote, UsageNoteStore } from "./usage-note-store.ts";

/** All that is due within this time goes together; while nothing is due, there is no statement. */
const TICK_MS = 200;
/** What ends sooner is not noted: its own record is there before. */
const SHORT_MS = 200;
/** Of the time that a process may be silent for: so many beats may fail. */
const BEATS = 4;
/** Of one statement; there are as many as it takes. */
const ROWS_MAX = 500;
const RETRY_MS = 1_000;

interface NotesPorts {
  store: UsageNoteStore;
  clock: Clock;
  log: Log;
  limits: Pick<Limits, "silentProcessMs">;
}

/** What one piece of work uses. */
export interface OpenNote {
  /** A call has begun: it is noted if it is still under way a moment later, or with the next write. */
  begun(isLarge?: boolean): void;
  /** All that it has used is written down elsewhere. */
  end(): void;
}

/**
 * What calls under way have used so far, noted by the process that makes them, together: when it is killed, whoever goes on with the work, or the sweep, has the
 * notes charged. A call that is over within `SHORT_MS` costs nothing here.
 */
export interface UsageNotes {
  /** `standing` tells at any time what nobody has written down yet; null: nothing. */
  open(key: { id?: string; organizationId: string }, standing: () => UsageNote | null): OpenNote;
  /** Writes down which notes have ended. What is still open is left as it was noted last. */
  close(): Promise<void>;
}

interface Entry {
  id: string;
  organizationId: string;
  standing: () => UsageNote | null;
  dueAtMs: number;
  /** The note as it is kept, as text; null while none is. */
  told: string | null;
  /** As it is now it cannot be kept. */
  isRefused: boolean;
}

type DueNote = KeptNote & { entry: Entry; told: string };

/** `beatMs`: how old a note of a call under way may become. */
export function createUsageNotes({ store, clock, log, limits }: NotesPorts, beatMs: number): UsageNotes {
  const everyMs = Math.min(beatMs, limits.silentProcessMs / BEATS);
  const open = new Set<Entry>();
  const closing = new AbortController();
  let ended: Pick<Entry, "id" | "organizationId">[] = [];
  let keeper: { id: string; isNew: boolean } = { id: newId<string>(), isNew: true };
  let beatAtMs = Number.NEGATIVE_INFINITY;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  let keeping: Promise<void> | null = null;
  let rowsMax = ROWS_MAX;

  /** What is new or has changed; what there is nothing to tell of any more has ended. */
  function takeDue(entries: Entry[]): DueNote[] {
    const due = [];
    for (const entry of entries) {
      if (!open.has(entry)) continue;
      entry.dueAtMs = Number.POSITIVE_INFINITY;
      const note = entry.standing();
      const { id, organizationId } = entry;
      if (note === null) {
        if (entry.told !== null) ended.push({ id, organizationId });
        entry.told = null;
        continue;
      }
      const told = JSON.stringify(note);
      if (told !== entry.told) due.push({ id, organizationId, note, entry, told });
    }
    return due;
  }

  /** All that is under way is noted anew, under another name. */
  function startOver(): void {
    keeper = { id: newId<string>(), isNew: true };
    for (const entry of open) {
      if (entry.told !== null) entry.dueAtMs = Number.NEGATIVE_INFINITY;
      entry.told = null;
    }
  }

  /** All that is due, in as many statements as it takes. What was never noted goes first. */
  async function writeDue(): Promise<void> {
    const nowMs = clock.monotonicMs();
    if (nowMs < notBeforeMs && !closing.signal.aborted) return;
    const noted = [...open].filter(({ told }) => told !== null);
    // Who had nothing to renew has let its time run out, which means nothing.
    if (noted.length === 0 && nowMs - beatAtMs > everyMs) startOver();
    const beats = noted.length > 0 && nowMs - beatAtMs >= everyMs;
    if (beats) for (const entry of noted) if (!entry.isRefused) entry.dueAtMs = nowMs;
    const due = [...open]
      .filter(({ dueAtMs }) => dueAtMs <= nowMs)
      .sort((one, other) => Number(one.told !== null) - Number(other.told !== null));
    let mustTell = beats;
    while (due.length > 0 || ended.length > 0 || mustTell) {
      const notes = takeDue(due.splice(0, rowsMax));
      const over = ended.splice(0, rowsMax);
      if (notes.length === 0 && over.length === 0 && !mustTell) continue;
      const next = await write(notes, over, nowMs);
      if (next === "later") return;
      if (next === "smaller") due.unshift(...notes.map(({ entry }) => entry));
      else mustTell = false;
    }
  }

  /** One statement. `smaller`: one of the notes cannot be kept, and which of them is found by halves. */
  async function write(due: DueNote[], over: typeof ended, nowMs: number): Promise<"written" | "smaller" | "later"> {
    try {
      const notes = due.map(({ id, organizationId, note }) => ({ id, organizationId, note }));
      const isKept = await store.keep({ ...keeper, aliveMs: limits.silentProcessMs }, { notes, ended: over });
      for (const { entry, told } of due) entry.told = told;
      // They ended while this was under way.
      for (const { entry } of due) if (!open.has(entry)) ended.push(entry);
      keeper.isNew = false;
      beatAtMs = nowMs;
      rowsMax = Math.min(rowsMax * 2, ROWS_MAX);
      if (isKept) return "written";
      log.warn({ notes: open.size }, "this process was silent for too long; what it had noted may be charged by now");
      ended.push(...over);
      startOver();
      return "later";
    } catch (error) {
      ended.push(...over);
      for (const { entry } of due) entry.dueAtMs = nowMs;
      if (!isGatewayError(error, "storage_unavailable") && due.length > 1) {
        rowsMax = Math.ceil(due.length / 2);
        return "smaller";
      }
      notBeforeMs = nowMs + RETRY_MS;
      if (isGatewayError(error, "storage_unavailable")) {
        // They may be kept all the same, and the answer be lost.
        for (const { entry } of due) {
          entry.told ??= "";
          if (!open.has(entry)) ended.push(entry);
        }
        log.warn({ err: error }, "usage is not noted yet; it is tried again");
        return "later";
      }
      for (const { entry } of due) {
        entry.isRefused = true;
        entry.dueAtMs = Number.POSITIVE_INFINITY;
      }
      log.error({ err: error, notes: due.map(({ note }) => note) }, "usage cannot be noted");
      return "later";
    }
  }

  async function keep(): Promise<void> {
    while (open.size > 0 || ended.length > 0) {
      await clock.sleep(TICK_MS, closing.signal);
      const isLast = closing.signal.aborted;
      await writeDue();
      if (isLast) break;
    }
    keeping = null;
  }

  return {
    open({ id = newId<string>(), organizationId }, standing) {
      const entry: Entry = { id, organizationId, standing, dueAtMs: Number.POSITIVE_INFINITY, told: null, isRefused: false };
      return {
        begun(isLarge = false) {
          open.add(entry);
          entry.isRefused = false;
          entry.dueAtMs = Math.min(entry.dueAtMs, clock.monotonicMs() + (isLarge ? 0 : SHORT_MS));
          keeping ??= keep();
        },
        end() {
          if (open.delete(entry) && entry.told !== null) ended.push(entry);
        },
      };
    },
    async close() {
      closing.abort();
      await keeping;
    },
  };
}
