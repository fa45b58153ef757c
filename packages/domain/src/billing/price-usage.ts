import type { Price, Usage } from "@parley/contracts";

export type Rates = Pick<Price, "inputPico" | "outputPico" | "cachedPico" | "reasoningPico" | "audioPico" | "imagePico" | "unitPico">;

export interface Used extends Pick<Usage, "inputTokens" | "outputTokens" | "cachedTokens" | "reasoningTokens"> {
  audioMs?: number;
  images?: number;
}

const PICO_PER_MICRO = 1_000_000n;
const MS_PER_SECOND = 1_000n;

/**
 * What one call has used costs so much, in micro-units: rounded once, half up, as the ledger's own `use_micros` does. Cached tokens are part of the
 * input, those of reasoning part of the output.
 */
export function priceUsage(rates: Rates, usage: Used): number {
  const { inputPico, outputPico, cachedPico, reasoningPico, audioPico, imagePico, unitPico } = rates;
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens, audioMs = 0, images = 0 } = usage;
  const cost = (tokens: number, pico: number): bigint => BigInt(Math.max(tokens, 0)) * BigInt(pico);
  const pico =
    cost(inputTokens - cachedTokens, inputPico) +
    cost(cachedTokens, cachedPico ?? inputPico) +
    cost(outputTokens - reasoningTokens, outputPico) +
    cost(reasoningTokens, reasoningPico ?? outputPico) +
    cost(images, imagePico) +
    BigInt(unitPico);
  // Sound is the only use that is counted in parts of what it is priced by.
  const whole = pico * MS_PER_SECOND + cost(audioMs, audioPico);
  const perMicro = PICO_PER_MICRO * MS_PER_SECOND;
  return Number((whole + perMicro / 2n) / perMicro);
}
