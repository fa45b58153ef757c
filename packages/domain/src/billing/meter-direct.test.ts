import { LIMITS, NO_USAGE } from "@parley/contracts";
import { expect, it } from "vitest";
import type { DirectCallRecord } from "../direct/direct-call-store.ts";
import { movedClock } from "../testing/moved-clock.ts";
import { meterDirect } from "./meter-direct.ts";

function metering() {
  const records: DirectCallRecord[] = [];
  const book = {
    ensureRoom: () => undefined,
    record: (record: DirectCallRecord) => void records.push(record),
    close: async () => undefined,
  };
  const call = { id: "1", model: "a", organizationId: "o", principalId: "k", route: "r", requestId: "q" };
  return { records, meter: meterDirect(book, movedClock(), call) };
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
    { model: "a", tries: 1, outcome: "cut", outputTokens: 4, estimated: true, ...prompt },
    { id: "1", model: "c", tries: 2, outcome: "answered", outputTokens: 5, estimated: false, ...prompt },
  ]);
  expect(records[0]?.id).not.toBe("1");
});

it("takes what is known of an answer before what is assumed of one that was given up, and nothing where nobody was asked", () => {
  const known = metering();
  known.meter.tries("a");
  known.meter.answers(used(7));
  known.meter.givesUp(used(1));
  known.meter.ends("cancelled");
  expect(known.records).toMatchObject([{ outputTokens: 7 }]);
  const waiting = metering();
  waiting.meter.givesUp(used(1));
  waiting.meter.ends("cancelled");
  expect(waiting.records).toMatchObject([{ outputTokens: 0, modelCalls: 0 }]);
});
