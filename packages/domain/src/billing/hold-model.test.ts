import { GatewayError, NO_USAGE } from "@parley/contracts";
import { expect, it } from "vitest";
import { holdModel } from "./hold-model.ts";
import type { MeteredModel, MeterReading } from "./meter-model.ts";
import type { Allowance, Purse } from "./purse.ts";

/** A model under a purse that covers so many tokens; what was heard, metered and settled. */
function held(model: MeteredModel, coveredTokens: number, ready = () => Promise.resolve()) {
  const heard: string[] = [];
  const metered: MeterReading[] = [];
  const settled: unknown[] = [];
  const allowance: Allowance = {
    tokensMax: null,
    isCovered: (tokens) => tokens <= coveredTokens,
    async cover(tokens) {
      if (tokens > coveredTokens) throw new GatewayError("budget_exhausted");
    },
    coverSound: async () => undefined,
    settle: (used) => void settled.push(used),
  };
  const purse: Purse = { begin: async () => allowance, spend: () => Promise.reject(new Error("not asked for")) };
  const request = { model: "a/b", messages: [], signal: new AbortController().signal };
  const result = holdModel(
    model,
    purse,
    ready,
  )(request, { onText: (text) => void heard.push(text), meter: (one) => void metered.push(one) });
  return { result, heard, metered, settled };
}

const ESTIMATE = { model: "a/b", ...NO_USAGE, outputTokens: 5, modelCalls: 1, estimated: true };
/** Says one piece, and has used what the meter says. */
const saying =
  (text: string, reading: MeterReading = ESTIMATE): MeteredModel =>
  async (_, { onText, meter }) => {
    try {
      await onText(text);
      return { text, toolCalls: [], finishReason: "stop" };
    } finally {
      meter(reading);
    }
  };

it("much that comes at once is passed on as far as there is money, counted as far as it was passed on, and no letter is cut in two", async () => {
  // One letter of two halves stands across the end of the first part.
  const text = `${"x".repeat(47)}\u{1f600}${"y".repeat(400)}`;
  const { result, heard, metered, settled } = held(saying(text), 20);
  await expect(result).rejects.toMatchObject({ code: "budget_exhausted" });
  expect(heard).toEqual([`${"x".repeat(47)}\u{1f600}`]);
  const used = { ...ESTIMATE, outputTokens: 5 + Math.ceil(49 / 3) };
  expect([metered, settled]).toEqual([[used], [used]]);
});

it("what the provider has counted itself is not added to", async () => {
  const counted = { ...ESTIMATE, estimated: false };
  const { result, metered } = held(saying("x".repeat(400), counted), 20);
  await expect(result).rejects.toMatchObject({ code: "budget_exhausted" });
  expect(metered).toEqual([counted]);
});

it("a call that may not begin any more is not made, and what was set aside for it is free again", async () => {
  const { result, heard, settled } = held(saying("x"), 20, () => Promise.reject(new Error("too late")));
  await expect(result).rejects.toThrow("too late");
  expect([heard, settled]).toEqual([[], [null]]);
});
