import { expect, it } from "vitest";
import { priceUsage } from "./price-usage.ts";

const RATES = { inputPico: 3e6, outputPico: 7e6, cachedPico: 1e6, reasoningPico: null, audioPico: 100e6, imagePico: 50e6, unitPico: 9e6 };
const NONE = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 };

it.each([
  ["each call", NONE, 9],
  [
    "tokens, cached ones as part of the input, those of reasoning as part of the output",
    { inputTokens: 10, cachedTokens: 4, outputTokens: 5, reasoningTokens: 2 },
    9 + 18 + 4 + 35,
  ],
  ["sound by the millisecond, rounded once with the rest", { ...NONE, audioMs: 1_495 }, 9 + 150],
  ["pictures", { ...NONE, images: 3 }, 9 + 150],
])("prices %s", (_, usage, micros) => {
  expect(priceUsage(RATES, usage)).toBe(micros);
});

it("prices what has no price of its own as what it is part of, and nothing below zero", () => {
  const rates = { ...RATES, cachedPico: null };
  expect(priceUsage(rates, { ...NONE, inputTokens: 10, cachedTokens: 4, outputTokens: 3, reasoningTokens: 2 })).toBe(9 + 30 + 21);
  expect(priceUsage(RATES, { ...NONE, inputTokens: 1, cachedTokens: 4 })).toBe(9 + 4);
});

it("rounds half up, and once", () => {
  const half = { ...RATES, unitPico: 0, inputPico: 250_000, audioPico: 250_000 };
  expect(priceUsage(half, { ...NONE, inputTokens: 1, audioMs: 1_000 })).toBe(1);
  expect(priceUsage(half, { ...NONE, inputTokens: 1, audioMs: 999 })).toBe(0);
});
