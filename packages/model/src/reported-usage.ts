import { isObject, NO_USAGE, type Usage } from "@parley/contracts";

/** No call has so many: a figure beyond it is a mistake, and would be charged. */
const TOKENS_MAX = 1_000_000_000;

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= TOKENS_MAX;
const countOf = (value: unknown): number => (isCount(value) ? value : 0);

/**
 * What a provider says that one call has used, in OpenAI's shape, under either pair of names. Null where it says nothing, or what cannot be so:
 * not a whole number from zero on, or nothing at all for a call that was made. Then it is estimated.
 */
export function reportedUsage(value: unknown): Usage | null {
  if (!isObject(value)) return null;
  const figures = [value.prompt_tokens ?? value.input_tokens, value.completion_tokens ?? value.output_tokens];
  if (!figures.some(isCount) || figures.some((figure) => figure !== undefined && figure !== null && !isCount(figure))) return null;
  const [inputTokens = 0, outputTokens = 0] = figures.map(countOf);
  if (inputTokens + outputTokens === 0) return null;
  const prompt = isObject(value.prompt_tokens_details) ? value.prompt_tokens_details : {};
  const completion = isObject(value.completion_tokens_details) ? value.completion_tokens_details : {};
  return {
    ...{ ...NO_USAGE, inputTokens, outputTokens, modelCalls: 1 },
    ...{ cachedTokens: countOf(prompt.cached_tokens), reasoningTokens: countOf(completion.reasoning_tokens) },
  };
}
