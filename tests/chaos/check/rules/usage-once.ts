import { eventsOf, grouped, type Rule } from "../facts.ts";

const figuresOf = ({ inputTokens, outputTokens }: { inputTokens: number; outputTokens: number }): string =>
  `${inputTokens}/${outputTokens}`;

/** Every answer that was written down was metered; what was metered exactly is what the model counted, and no more often than it answered. */
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
