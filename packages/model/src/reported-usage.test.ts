import { describe, expect, test } from "vitest";
import { reportedUsage } from "./reported-usage.ts";

describe("what a provider says that was used", () => {
  test("is read under either pair of names, with its details", () => {
    const counted = { inputTokens: 9, outputTokens: 4, cachedTokens: 0, reasoningTokens: 0, modelCalls: 1, estimated: false };
    expect(reportedUsage({ prompt_tokens: 9, completion_tokens: 4 })).toEqual(counted);
    expect(reportedUsage({ input_tokens: 9, output_tokens: 4 })).toEqual(counted);
    expect(reportedUsage({ prompt_tokens: 9 })).toEqual({ ...counted, outputTokens: 0 });
    expect(
      reportedUsage({
        ...{ prompt_tokens: 9, completion_tokens: 4 },
        ...{ prompt_tokens_details: { cached_tokens: 5 }, completion_tokens_details: { reasoning_tokens: 3 } },
      }),
    ).toEqual({ ...counted, cachedTokens: 5, reasoningTokens: 3 });
  });

  test.each([
    null,
    [],
    {},
    { prompt_tokens: -9, completion_tokens: 4 },
    { prompt_tokens: 9, completion_tokens: -4 },
    { prompt_tokens: 9, completion_tokens: 4e15 },
    { prompt_tokens: 1.5 },
    { prompt_tokens: "9", completion_tokens: "4" },
    { prompt_tokens: 9, completion_tokens: "4" },
    { prompt_tokens: 0, completion_tokens: 0 },
    { completion_tokens: 0 },
  ])("is not believed where it cannot be so: %j", (value) => {
    expect(reportedUsage(value)).toBeNull();
  });

  test("is believed without details that cannot be so", () => {
    const details = { prompt_tokens_details: { cached_tokens: "x" }, completion_tokens_details: { reasoning_tokens: -1 } };
    expect(reportedUsage({ prompt_tokens: 9, completion_tokens: 4, ...details })).toMatchObject({ cachedTokens: 0, reasoningTokens: 0 });
  });
});
