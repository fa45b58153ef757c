import { GatewayError, LIMITS } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { movedClock } from "../testing/moved-clock.ts";
import { silentLog } from "../testing/silent-log.ts";
import type { KeptNote, NoteKeeper, UsageNote } from "./usage-note-store.ts";
import { createUsageNotes } from "./usage-notes.ts";

const BEAT_MS = 2_000;

/** Notes over a store that does as `state` says, and what it holds. */
function noting() {
  const clock = movedClock();
  const kept = new Map<string, number>();
  const state = {
    writes: 0,
    keepers: [] as NoteKeeper[],
    /** Rows of each statement. */
    rows: [] as number[],
    /** What a statement takes. */
    takesMs: 0,
    isLost: false,
    isUnheard: false,
    failure: null as ((notes: KeptNote[]) => Error | null) | null,
  };
  const store = {
    async keep(keeper: NoteKeeper, { notes, ended }: { notes: KeptNote[]; ended: { id: string }[] }) {
      state.writes += 1;
      state.rows.push(notes.length + ended.length);
      if (state.takesMs > 0) await clock.sleep(state.takesMs);
      const failure = state.failure?.(notes);
      if (failure) throw failure;
      state.keepers.push({ ...keeper });
      if (state.isLost) {
        state.isLost = false;
        kept.clear();
        return false;
      }
      for (const { id } of ended) kept.delete(id);
      for (const { id, note } of notes) if (note.kind === "turn") kept.set(id, note.lines[0]?.outputTokens ?? 0);
      if (state.isUnheard) throw new GatewayError("storage_unavailable");
      return true;
    },
  };
  const notes = createUsageNotes({ store, clock, log: silentLog, limits: LIMITS }, BEAT_MS);
  /** One piece of work, whose tokens the test counts; null: all of them are written down. */
  function work(id: string, isLarge = false) {
    const used = { tokens: 1 as number | null };
    const standing = (): UsageNote | null =>
      used.tokens === null ? null : { kind: "turn", conversationId: "c", lines: [{ outputTokens: used.tokens } as never] };
    const note = notes.open({ id, organizationId: "o" }, standing);
    note.begun(isLarge);
    return { used, note };
  }
  return { clock, kept, state, notes, work };
}

describe("notes of what is used", () => {
  it("are made of calls that are under way for a moment, of large ones at once, and of short ones not at all", async () => {
    const { clock, kept, state, work } = noting();
    const short = work("short");
    work("large", true);
    await clock.move(100);
    short.note.end();
    work("long");
    await clock.move(100);
    expect([...kept.keys()]).toEqual(["large"]);
    await clock.move(400);
    expect([...kept.keys()]).toEqual(["large", "long"]);
    expect(state.writes).toBe(2);
  });

  it("are gone once all is written down, and a process without any asks nothing of Postgres", async () => {
    const { clock, kept, state, work } = noting();
    const { note } = work("a");
    await clock.move(500);
    expect([...kept.keys()]).toEqual(["a"]);
    note.end();
    await clock.move(200);
    expect([...kept.keys()]).toEqual([]);
    const { writes } = state;
    await clock.move(60_000);
    expect([state.writes, clock.sleepers()]).toEqual([writes, 0]);
  });

  it("follow what is used with each beat, in one statement for all of them, and at once where another call begins", async () => {
    const { clock, kept, state, work } = noting();
    const one = work("a");
    const other = work("b");
    await clock.move(500);
    const { writes } = state;
    one.used.tokens = 7;
    other.used.tokens = 8;
    await clock.move(BEAT_MS);
    expect([...kept.entries(), state.writes - writes]).toEqual([["a", 7], ["b", 8], 1]);
    one.used.tokens = 9;
    one.note.begun();
    await clock.move(400);
    expect(kept.get("a")).toBe(9);
    one.used.tokens = null;
    await clock.move(BEAT_MS);
    expect([...kept.keys()]).toEqual(["b"]);
  });

  it("keep their process alive while they stand, also where they do not change", async () => {
    const { clock, state, work } = noting();
    work("a");
    await clock.move(BEAT_MS * 4 + 500);
    expect(state.writes).toBe(5);
    expect(new Set(state.keepers.map(({ id }) => id)).size).toBe(1);
    expect(state.keepers.map(({ isNew }) => isNew)).toEqual([true, false, false, false, false]);
  });

  it("are all made anew under another name where the process was silent for too long", async () => {
    const { clock, kept, state, work } = noting();
    work("a");
    const gone = work("b");
    await clock.move(500);
    state.isLost = true;
    gone.note.end();
    await clock.move(500);
    expect([...kept.keys()]).toEqual(["a"]);
    expect(new Set(state.keepers.map(({ id }) => id)).size).toBe(2);
    expect(state.keepers.at(-1)).toMatchObject({ isNew: true, aliveMs: LIMITS.silentProcessMs });
  });

  it("are tried again while Postgres is away, with what was used meanwhile", async () => {
    const { clock, kept, state, work } = noting();
    state.failure = () => new GatewayError("storage_unavailable");
    const { used } = work("a");
    await clock.move(3_000);
    expect(state.writes).toBeGreaterThan(1);
    used.tokens = 5;
    state.failure = null;
    await clock.move(1_500);
    expect([...kept.entries()]).toEqual([["a", 5]]);
  });

  it("are forgotten when their work has ended, also where nobody heard that they were kept", async () => {
    const { clock, kept, state, work } = noting();
    state.isUnheard = true;
    const { note } = work("a");
    await clock.move(500);
    expect([...kept.keys()]).toEqual(["a"]);
    state.isUnheard = false;
    note.end();
    await clock.move(3_000);
    expect([...kept.keys()]).toEqual([]);
  });

  it("do not suffer from one that cannot be kept", async () => {
    const { clock, kept, state, work } = noting();
    state.failure = (notes) => (notes.some(({ id }) => id === "bad") ? new Error("not storable") : null);
    for (const id of ["a", "bad", "b"]) work(id);
    await clock.move(15_000);
    expect([...kept.keys()]).toEqual(["a", "b"]);
    expect(state.writes).toBeLessThan(20);
  });

  it("do not suffer from one among many: it is found by halves, in the moment in which it is due", async () => {
    const { clock, kept, state, work } = noting();
    state.failure = (notes) => (notes.some(({ id }) => id === "bad") ? new Error("not storable") : null);
    for (let count = 0; count < 450; count++) work(count === 300 ? "bad" : `good ${count}`);
    await clock.move(2_000);
    expect(kept.size).toBe(449);
    expect(state.writes).toBeLessThan(40);
    const { writes } = state;
    // It is not tried again with each beat.
    await clock.move(BEAT_MS * 3);
    expect(state.writes - writes).toBeLessThanOrEqual(4);
  });

  it("are written until nothing is due, however many calls are under way, in statements of a bounded size", async () => {
    const { clock, kept, state, work } = noting();
    const works = Array.from({ length: 12_000 }, (_, index) => work(`${index}`));
    await clock.move(500);
    expect(kept.size).toBe(12_000);
    for (const { used } of works) used.tokens = 2;
    state.takesMs = 10;
    await clock.move(BEAT_MS);
    work("new");
    // All of the others are told anew meanwhile.
    await clock.move(800);
    expect(kept.get("new")).toBe(1);
    expect(new Set(kept.values())).toEqual(new Set([1, 2]));
    expect([...kept.values()].filter((tokens) => tokens === 1)).toHaveLength(1);
    for (const { note } of works) note.end();
    await clock.move(BEAT_MS);
    expect([...kept.keys()]).toEqual(["new"]);
    expect(Math.max(...state.rows)).toBeLessThanOrEqual(1_000);
  });

  it("are closed with what has ended, and what is still under way stays noted", async () => {
    const { clock, kept, notes, work } = noting();
    const { note } = work("a");
    work("b");
    await clock.move(500);
    note.end();
    await notes.close();
    expect([...kept.keys()]).toEqual(["b"]);
  });
});
