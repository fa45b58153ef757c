import type { DirectCallRecord } from "../direct/direct-call-store.ts";
import type { UsageLine } from "../turn/turn-store.ts";

/**
 * What would be lost with this process: of a call outside of turns its record, as it stands; of a turn's attempt, or of work beside turns, the lines that
 * nothing has written down yet.
 */
export type UsageNote = { kind: "call"; call: DirectCallRecord } | { kind: "turn" | "beside"; conversationId: string; lines: UsageLine[] };

interface NoteKey {
  /** Of a call outside of turns that of its record. */
  id: string;
  organizationId: string;
}

export type KeptNote = NoteKey & { note: UsageNote };

/** One process that keeps notes, from when on it is new until it was silent for too long. */
export interface NoteKeeper {
  id: string;
  isNew: boolean;
  /** It counts as alive for so long from now on; afterwards the sweep may have its notes charged. */
  aliveMs: number;
}

export interface UsageNoteStore {
  /** Keeps notes, in place of older ones of the same id, and forgets those that have ended. False: the keeper counts as lost, and nothing was done. */
  keep(keeper: NoteKeeper, changes: { notes: KeptNote[]; ended: NoteKey[] }): Promise<boolean>;
}
