import { LIMITS } from "@parley/contracts";
import { describe, expect, it } from "vitest";
import type { CompactionWork, Summary, UntoldTurn } from "./compaction-store.ts";
import { nextPart } from "./next-part.ts";

const turn = (number: number, more: Partial<UntoldTurn> = {}): UntoldTurn => ({
  number,
  text: `q${number}`,
  files: [],
  result: `a${number}`,
  status: "completed",
  reason: null,
  children: null,
  steers: null,
  cards: null,
  tainted: false,
  ...more,
});
const child = (status: "executing" | "completed") => [{ id: "c", status, query: "dig", result: null }];

/** Summaries of these levels, each of ten turns. */
const summaries = (...levels: number[]): Summary[] =>
  levels.map((level, index) => ({ level, fromTurn: index * 10 + 1, throughTurn: index * 10 + 10, text: `s${index}`, tainted: false }));

const next = (work: Partial<CompactionWork>) =>
  nextPart(
    {
      marks: 1,
      failures: 0,
      agentId: "a",
      userEmail: null,
      visible: "",
      head: "",
      summaries: [],
      untoldTurns: work.turns?.length ?? 0,
      turns: [],
      ...work,
    },
    LIMITS,
  );

describe("the next part to summarise", () => {
  it("is nothing where nothing is left", () => {
    expect(next({ summaries: summaries(2, 1, 1, 1) })).toBeNull();
  });

  it("is the turns behind the last summary, whole, with their numbers", () => {
    expect(next({ summaries: summaries(1), turns: [turn(13), turn(14)] })).toEqual({
      level: 1,
      fromTurn: 11,
      throughTurn: 14,
      tainted: false,
      record: "Turn 13\nUser: q13\nAssistant: a13\n\nTurn 14\nUser: q14\nAssistant: a14",
    });
  });

  it("is no more turns than one call is given, but always one", () => {
    const long = "x".repeat(30_000);
    expect(next({ turns: [turn(1, { text: long }), turn(2, { text: long })] })).toMatchObject({ throughTurn: 1 });
    expect(next({ turns: [turn(1, { text: long.repeat(3) })] })).toMatchObject({ throughTurn: 1 });
  });

  it("ends before a turn whose background task still works, unless that turn is in no prompt any more", () => {
    const turns = [turn(1, { children: child("completed") }), turn(2, { children: child("executing") }), turn(3)];
    expect(next({ turns })).toMatchObject({ throughTurn: 1 });
    expect(next({ turns: turns.slice(1) })).toBeNull();
    expect(next({ turns, untoldTurns: LIMITS.historyTurnsMax + 1 })).toMatchObject({ throughTurn: 3 });
  });

  it("is the oldest summaries of a level that has too many, before any turns", () => {
    expect(next({ summaries: summaries(2, 1, 1, 1, 1), turns: [turn(51)] })).toEqual({
      level: 2,
      fromTurn: 11,
      throughTurn: 40,
      tainted: false,
      record: "Turns 11 to 20:\ns1\n\nTurns 21 to 30:\ns2\n\nTurns 31 to 40:\ns3",
    });
  });

  it("joins the highest level into itself, so that no conversation has more levels", () => {
    expect(next({ summaries: summaries(4, 4, 4, 4) })).toMatchObject({ level: 4, fromTurn: 1, throughTurn: 30 });
  });

  it("is tainted where anything in it is", () => {
    expect(next({ turns: [turn(1), turn(2, { tainted: true })] })).toMatchObject({ tainted: true });
    const [first, ...others] = summaries(1, 1, 1, 1);
    expect(next({ summaries: [...(first === undefined ? [] : [{ ...first, tainted: true }]), ...others] })).toMatchObject({
      tainted: true,
    });
  });
});
