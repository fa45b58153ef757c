import { type Cursor, type EventType, type LogEvent, NO_USAGE } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import { follows, mergeReplay } from "./merge-replay.ts";

const at = (cursor: string, type: EventType, data: object = {}, previous?: string): LogEvent =>
  ({ cursor, type, executionId: "e", turnId: "t", at: "", data, ...(previous === undefined ? {} : { previous }) }) as unknown as LogEvent;
const delta = (n: number, epoch = 5) => at(`${epoch}-${n}`, "turn.delta", { step: 1, offset: 0, text: `d${n}` });
const queued = (n: number, epoch = 5) => at(`${epoch}-${n}`, "queue.updated", { action: "enqueue", messageId: "m", queueDepth: 1 });
const started = (n: number, epoch = 5, previous?: string) => at(`${epoch}-${n}`, "turn.started", {}, previous);
const completed = (n: number, epoch = 5) => at(`${epoch}-${n}`, "turn.completed", { result: "r", usage: NO_USAGE });

const from = (position: string, broken = false) => ({ position: position as Cursor, broken });
const cursors = (events: LogEvent[]) => events.map((event) => event.cursor);
const checkpoint = (cursor: string) => ({ turnId: "t", cursor: cursor as Cursor, texts: [{ executionId: "e", step: 1, text: "all" }] });

describe("follows", () => {
  it("is true for the very next of an epoch, and across epochs only for the one that names the place or an earlier one", () => {
    expect(follows("5-3" as Cursor, delta(4))).toBe(true);
    expect(follows("5-3" as Cursor, delta(5))).toBe(false);
    expect(follows("4-3" as Cursor, delta(1))).toBe(false);
    expect(follows("4-3" as Cursor, started(1, 5, "4-3"))).toBe(true);
    expect(follows("4-3" as Cursor, started(1, 5, "4-2"))).toBe(true);
    expect(follows("4-3" as Cursor, started(1, 5, "4-4"))).toBe(false);
  });
});

describe("mergeReplay", () => {
  it("puts facts and deltas into one order, each once, after the place", () => {
    const merged = mergeReplay(from("5-1"), [queued(3), queued(6)], [delta(1), delta(2), delta(4), delta(5)], null);
    expect(cursors(merged.events)).toEqual(["5-2", "5-3", "5-4", "5-5", "5-6"]);
    expect(merged).toMatchObject({ broken: false, hole: false });
  });

  it("hands out every fact, and no delta behind a hole", () => {
    const merged = mergeReplay(from("5-1"), [queued(5)], [delta(2), delta(4), delta(6)], null);
    expect(cursors(merged.events)).toEqual(["5-2", "5-5"]);
    expect(merged).toMatchObject({ broken: true, hole: true });
  });

  it("remembers a hole that a fact was handed out across: the deltas after it stay held back", () => {
    const later = mergeReplay(from("5-5", true), [queued(7)], [delta(6), delta(8)], null);
    expect(cursors(later.events)).toEqual(["5-7"]);
    expect(later).toMatchObject({ broken: true, hole: true });
  });

  it("only waits where nothing was handed out across the hole yet: the missing may still come", () => {
    const early = mergeReplay(from("5-1"), [], [delta(3)], null);
    expect(early).toEqual({ events: [], broken: false, hole: true });
    const then = mergeReplay(from("5-1"), [queued(2)], [delta(3)], null);
    expect(cursors(then.events)).toEqual(["5-2", "5-3"]);
  });

  it.each(["turn.started", "turn.snapshot", "step.completed", "attempt.superseded", "turn.completed"] as const)(
    "needs the lost text no more after %s",
    (type) => {
      const merged = mergeReplay(from("5-1", true), [at("5-9", type)], [delta(8), delta(10)], null);
      expect(cursors(merged.events)).toEqual(["5-9", "5-10"]);
      expect(merged).toMatchObject({ broken: false, hole: false });
    },
  );

  it("lets a checkpoint beyond the hole stand in as a snapshot with its own cursor", () => {
    const merged = mergeReplay(from("5-1"), [], [delta(6), delta(7), delta(8)], checkpoint("5-6"));
    expect(merged.events).toMatchObject([
      { cursor: "5-6", type: "turn.snapshot", executionId: "e", data: { texts: [{ text: "all" }] } },
      { cursor: "5-7" },
      { cursor: "5-8" },
    ]);
    expect(merged.hole).toBe(false);
  });

  it("has no use for a checkpoint without a hole, behind the place, or of a step that has ended since", () => {
    expect(cursors(mergeReplay(from("5-1"), [], [delta(2)], checkpoint("5-2")).events)).toEqual(["5-2"]);
    expect(cursors(mergeReplay(from("5-4"), [], [delta(6)], checkpoint("5-3")).events)).toEqual([]);
    expect(cursors(mergeReplay(from("5-1"), [completed(9)], [delta(4)], checkpoint("5-4")).events)).toEqual(["5-9"]);
  });

  it("goes over into the next epoch where its first fact says so", () => {
    const merged = mergeReplay(from("5-1"), [completed(3), started(1, 8, "5-3")], [delta(2), delta(2, 8)], null);
    expect(cursors(merged.events)).toEqual(["5-2", "5-3", "8-1", "8-2"]);
  });
});
