import { GatewayError, NO_USAGE } from "@parley/contracts";
import { expect, test } from "vitest";
import type { DirectCallRecord } from "../direct/direct-call-store.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { noNotes } from "../testing/no-notes.ts";
import { silentLog } from "../testing/silent-log.ts";
import { createDirectUsageBook } from "./direct-usage-book.ts";

const record = (id: string): DirectCallRecord => ({
  ...{
    id,
    callId: id,
    part: 0,
    organizationId: "o",
    principalId: "p",
    userId: null,
    route: "openai.chat",
    model: "local/chat",
    outcome: "answered",
    tries: 1,
  },
  ...{ ...NO_USAGE, latencyMs: 1, requestId: "r", at: "2026-01-01T00:00:00.000Z" },
});

/** A book over a store that fails as it is told to. */
function open(unrecordedCallsMax = 100) {
  const clock = movedClock();
  const written: string[][] = [];
  const state = { failure: null as ((records: DirectCallRecord[]) => Error | null) | null };
  const store = {
    async append(records: DirectCallRecord[]) {
      const failure = state.failure?.(records);
      if (failure) throw failure;
      written.push(records.map(({ id }) => id));
    },
  };
  return {
    clock,
    written,
    state,
    book: createDirectUsageBook({ store, clock, log: silentLog, limits: { unrecordedCallsMax }, notes: noNotes }),
  };
}

test("calls of the same moment are one write, and nobody waits for it", async () => {
  const { book, clock, written } = open();
  for (const id of ["a", "b", "c"]) book.record(record(id), null);
  expect(written).toEqual([]);
  await clock.move(50);
  expect(written).toEqual([["a", "b", "c"]]);
  book.record(record("d"), null);
  await clock.move(50);
  expect(written.at(-1)).toEqual(["d"]);
});

test("what Postgres does not take now is tried again, in order, until it is written", async () => {
  const { book, clock, written, state } = open();
  state.failure = () => new GatewayError("storage_unavailable");
  book.record(record("a"), null);
  await clock.move(5_000);
  book.record(record("b"), null);
  state.failure = null;
  await clock.move(1_000);
  expect(written).toEqual([["a", "b"]]);
});

test("while so much waits to be written nothing further may be used", async () => {
  const { book, clock, state } = open(2);
  state.failure = () => new GatewayError("storage_unavailable");
  book.ensureRoom();
  book.record(record("a"), null);
  book.record(record("b"), null);
  expect(() => book.ensureRoom()).toThrow(expect.objectContaining({ code: "storage_unavailable" }));
  state.failure = null;
  await clock.move(2_000);
  book.ensureRoom();
});

test("one that cannot be written does not hold up the others", async () => {
  const { book, clock, written, state } = open();
  state.failure = (records) => (records.some(({ id }) => id === "bad") ? new GatewayError("internal") : null);
  for (const id of ["a", "bad", "b"]) book.record(record(id), null);
  await clock.move(200);
  expect(written.flat()).toEqual(["a", "b"]);
});

test("what was noted of a call is given up when its record is written, or can never be, and no sooner", async () => {
  const { book, clock, state } = open();
  const ended: string[] = [];
  const noteOf = (id: string) => ({ begun: () => undefined, end: () => void ended.push(id) });
  state.failure = () => new GatewayError("storage_unavailable");
  for (const id of ["a", "bad"]) book.record(record(id), noteOf(id));
  await clock.move(500);
  expect(ended).toEqual([]);
  state.failure = (records) => (records.some(({ id }) => id === "bad") ? new GatewayError("internal") : null);
  await clock.move(2_000);
  expect(ended).toEqual(["a", "bad"]);
});

test("the end of the process writes what is left, at once", async () => {
  const { book, written } = open();
  book.record(record("a"), null);
  await book.close();
  expect(written).toEqual([["a"]]);
});
