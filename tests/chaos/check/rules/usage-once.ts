import { eventsOf, grouped, type Rule } from "../facts.ts";
import { writtenAt } from "./model-asked-once.ts";

const figuresOf = ({ inputTokens, outputTokens }: { inputTokens: number; outputTokens: number }): string =>
  `${inputTokens}/${outputTokens}`;

/** An estimate counts so many characters for a token. */
const CHARS_PER_TOKEN = 4;

/**
 * Every answer that was written down was metered, exactly where the model has counted it; what was metered exactly is what the model counted, no more often
 * than it answered; and an estimate is of no more than it has sent.
 */
export const usageOnce: Rule = (facts) => {
  const wrong: string[] = [];
  const recorded = new Set(facts.usage.map(({ turnId, executionId, step }) => `${turnId}/${executionId}/${step}`));
  for (const { turnId, executionId, data } of eventsOf(facts, "step.completed")) {
    const key = `${turnId}/${executionId}/${data.step}`;
    if (!recorded.has(key)) wrong.push(`the step ${key} was not metered`);
  }
  const lines = grouped(facts.usage, ({ turnId, executionId, attempt, step, try: tried }) =>
    [turnId, executionId, attempt, step, tried].join("/"),
  );
  for (const [key, same] of lines) if (same.length > 1) wrong.push(`${key} was metered ${same.length} times`);

  const exact = new Set(facts.usage.filter(({ estimated }) => !estimated).map(figuresOf));
  const written = writtenAt(facts);
  for (const { key, isWhole, usage } of facts.calls) {
    if (usage !== null && isWhole && written.has(key) && !exact.has(figuresOf(usage)))
      wrong.push(`the model counted ${figuresOf(usage)} for ${key}, and that was not metered`);
  }
  const longest = Math.max(0, ...facts.calls.map(({ chars }) => Math.ceil(chars / CHARS_PER_TOKEN)));
  for (const { turnId, step, estimated, outputTokens } of facts.usage) {
    if (estimated && outputTokens > longest)
      wrong.push(`step ${step} of ${turnId} was estimated as ${outputTokens} tokens, and no answer has more than ${longest}`);
  }

  const answered = grouped(
    facts.calls.filter(({ usage }) => usage !== null),
    ({ usage }) => figuresOf(usage ?? { inputTokens: 0, outputTokens: 0 }),
  );
  for (const [figures, same] of grouped(
    facts.usage.filter(({ estimated }) => !estimated),
    figuresOf,
  )) {
    const calls = answered.get(figures)?.length ?? 0;
    if (same.length > calls) wrong.push(`${figures} tokens were metered ${same.length} times, and the model counted them ${calls} times`);
  }
  return wrong;
};
