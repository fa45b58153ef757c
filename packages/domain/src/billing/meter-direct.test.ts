import { LIMITS, NO_USAGE } from "@parley/contracts";
import { expect, it } from "vitest";
import type { DirectCallRecord } from "../direct/direct-call-store.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { meterDirect } from "./meter-direct.ts";
import type { UsageNote } from "./usage-note-store.ts";

function metering() {
  const records: DirectCallRecord[] = [];
  const notes: (() => UsageNote | null)[] = [];
  const book = {
    ensureRoom: () => undefined,
    open(_: unknown, standing: () => UsageNote | null) {
      notes.push(standing);
      return { begun: () => undefined, end: () => undefined };
    },
    record: (record: DirectCallRecord) => void records.push(record),
    close: async () => undefined,
  };
  const whose = { organizationId: "o", principalId: "k", userId: null };
  const call = { id: "1", model: "a", ...whose, route: "r", requestId: "q", assumed: used(1, true) };
  return { records, notes, noted: () => notes[0]?.(), meter: meterDirect(book, movedClock(), call) };
}
const used =
  (outputTokens: number, estimated = false) =>
  () => ({ ...NO_USAGE, inputTokens: 10, outputTokens, modelCalls: 1, estimated });

it("keeps what each model has used by its own name, also where one broke off and another has answered: a price is a model's own", () => {
  expect(LIMITS.directRetriesMax).toBeGreaterThan(0);
  const { records, meter } = metering();
  meter.tries("a");
  meter.answers(used(4, true));
  meter.tries("b");
  meter.tries("c");
  meter.answers(used(5));
  meter.ends("answered");
  meter.ends("cut");
  const prompt = { inputTokens: 10, modelCalls: 1 };
  expect(records).toMatchObject([
    { callId: "1", part: 0, model: "a", tries: 1, outcome: "cut", outputTokens: 4, estimated: true, ...prompt },
    { id: "1", callId: "1", part: 1, model: "c", tries: 2, outcome: "answered", outputTokens: 5, estimated: false, ...prompt },
  ]);
  expect(records[0]?.id).not.toBe("1");
});

it("takes what is known of an answer before what is assumed of one that was given up, and nothing where nobody was asked", () => {
  const known = metering();
  known.meter.tries("a");
  known.meter.answers(used(7));
  known.meter.givesUp();
  known.meter.ends("cancelled");
  expect(known.records).toMatchObject([{ outputTokens: 7 }]);
  const waiting = metering();
  waiting.meter.givesUp();
  waiting.meter.ends("cancelled");
  expect(waiting.records).toMatchObject([{ outputTokens: 0, modelCalls: 0 }]);
});

it("notes a call as it would be charged if its process were lost: from when a provider is asked, and not where none has taken it up", () => {
  const { meter, notes, noted } = metering();
  expect(notes).toEqual([]);
  meter.tries("a");
  expect(noted()).toMatchObject({
    kind: "call",
    call: { id: "1", callId: "1", part: 0, outcome: "lost", model: "a", tries: 1, outputTokens: 1, estimated: true },
  });
  meter.fails();
  expect(noted()).toBeNull();
  meter.tries("b");
  meter.answers(used(4, true));
  meter.fails();
  expect(noted()).toMatchObject({ call: { outcome: "lost", model: "b", tries: 2, outputTokens: 4 } });
  // The one before has a record of its own by now, which what was noted of it meets as the same part.
  meter.tries("c");
  meter.answers(used(5));
  expect(noted()).toMatchObject({ call: { id: "1", part: 1, model: "c", tries: 1, outputTokens: 5, modelCalls: 1 } });
  meter.ends("answered");
  expect(noted()).toMatchObject({ call: { outcome: "answered", outputTokens: 5 } });
  expect(notes).toHaveLength(1);
});
