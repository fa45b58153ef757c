import { isGatewayError, type Limits, newId } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { Log } from "../logger.ts";
import type { KeptNote, UsageNote, UsageNoteStore } from "./usage-note-store.ts";

/** All that is due within this time goes in one statement; while nothing is due, there is none. */
const TICK_MS = 200;
/** What ends sooner is not noted: its own record is there before. */
const SHORT_MS = 200;
/** Of the time that a process may be silent for: so many beats may fail. */
const BEATS = 4;
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
 * What calls under way have used so far, noted by the process that makes them, in one statement for all of them: when it is killed, whoever goes on with the
 * work, or the sweep, has the notes charged. A call that is over within `SHORT_MS` costs nothing here.
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
}

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
  function takeDue(nowMs: number): (KeptNote & { entry: Entry; told: string })[] {
    const due = [];
    for (const entry of open) {
      if (due.length === rowsMax) break;
      if (entry.dueAtMs > nowMs) continue;
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

  async function writeSome(): Promise<void> {
    const nowMs = clock.monotonicMs();
    if (nowMs < notBeforeMs && !closing.signal.aborted) return;
    const noted = [...open].filter(({ told }) => told !== null);
    // Who had nothing to renew has let its time run out, which means nothing.
    if (noted.length === 0 && nowMs - beatAtMs > everyMs) startOver();
    const beats = noted.length > 0 && nowMs - beatAtMs >= everyMs;
    if (beats) for (const entry of noted) entry.dueAtMs = nowMs;
    const due = takeDue(nowMs);
    if (due.length === 0 && ended.length === 0 && !beats) return;
    const over = ended;
    ended = [];
    try {
      const notes = due.map(({ id, organizationId, note }) => ({ id, organizationId, note }));
      const isKept = await store.keep({ ...keeper, aliveMs: limits.silentProcessMs }, { notes, ended: over });
      for (const { entry, told } of due) entry.told = told;
      // They ended while this was under way.
      for (const { entry } of due) if (!open.has(entry)) ended.push(entry);
      keeper.isNew = false;
      beatAtMs = nowMs;
      rowsMax = ROWS_MAX;
      if (isKept) return;
      log.warn({ notes: open.size }, "this process was silent for too long; what it had noted may be charged by now");
      ended.push(...over);
      startOver();
    } catch (error) {
      ended.push(...over);
      const isAway = isGatewayError(error, "storage_unavailable");
      // They may be kept all the same, and the answer be lost.
      for (const { entry } of isAway ? due : []) {
        entry.told ??= "";
        if (!open.has(entry)) ended.push(entry);
      }
      notBeforeMs = nowMs + RETRY_MS;
      if (isAway) log.warn({ err: error }, "usage is not noted yet; it is tried again");
      else if (rowsMax === 1) log.error({ err: error, notes: due.map(({ note }) => note) }, "usage cannot be noted");
      if (rowsMax > 1 || isAway) for (const { entry } of due) entry.dueAtMs = nowMs;
      // Whatever is wrong is wrong with one of them: the others are not to suffer from it.
      rowsMax = isAway ? ROWS_MAX : 1;
    }
  }

  async function keep(): Promise<void> {
    while (open.size > 0 || ended.length > 0) {
      await clock.sleep(TICK_MS, closing.signal);
      const isLast = closing.signal.aborted;
      await writeSome();
      if (isLast) break;
    }
    keeping = null;
  }

  return {
    open({ id = newId<string>(), organizationId }, standing) {
      const entry: Entry = { id, organizationId, standing, dueAtMs: Number.POSITIVE_INFINITY, told: null };
      return {
        begun(isLarge = false) {
          open.add(entry);
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
