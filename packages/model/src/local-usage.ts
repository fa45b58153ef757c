import type { Usage } from "@parley/contracts";
import { NO_USAGE } from "@parley/contracts";

const CHARS_PER_TOKEN = 4;

/** A token of the local models is four characters by definition, so their usage is exact and the same on every run. */
const localTokens = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

export const localChars = (tokens: number): number => tokens * CHARS_PER_TOKEN;

export const localUsage = (inputChars: number, outputChars: number): Usage => ({
  ...NO_USAGE,
  inputTokens: localTokens(inputChars),
  outputTokens: localTokens(outputChars),
  modelCalls: 1,
});
