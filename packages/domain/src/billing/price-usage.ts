import type { Price, Usage } from "@parley/contracts";

export type Rates = Pick<Price, "inputPico" | "outputPico" | "cachedPico" | "reasoningPico">;

const PICO_PER_MICRO = 1_000_000n;

/**
 * What was used costs so much, in micro-units: rounded once, half up, as the ledger's own `line_micros` does. Cached tokens are part of the
 * input, those of reasoning part of the output.
 */
export function priceUsage(rates: Rates, usage: Pick<Usage, "inputTokens" | "outputTokens" | "cachedTokens" | "reasoningTokens">): number {
  const { inputPico, outputPico, cachedPico, reasoningPico } = rates;
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = usage;
  const cost = (tokens: number, pico: number): bigint => BigInt(Math.max(tokens, 0)) * BigInt(pico);
  const pico =
    cost(inputTokens - cachedTokens, inputPico) +
    cost(cachedTokens, cachedPico ?? inputPico) +
    cost(outputTokens - reasoningTokens, outputPico) +
    cost(reasoningTokens, reasoningPico ?? outputPico);
  return Number((pico + PICO_PER_MICRO / 2n) / PICO_PER_MICRO);
}
