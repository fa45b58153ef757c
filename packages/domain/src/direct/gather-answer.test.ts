import { GatewayError, NO_USAGE } from "@parley/contracts";
import { expect, it } from "vitest";
import type { StreamEvent, StreamedAnswer } from "./direct-models.ts";
import { gatherAnswer } from "./gather-answer.ts";

const chunk = (choices: object[], more: object = {}): StreamEvent => {
  const value = { id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices, ...more };
  return { data: JSON.stringify(value), value };
};
const delta = (said: object, more: object = {}) => ({ index: 0, delta: said, finish_reason: null, ...more });

function streamed(chunks: StreamEvent[]) {
  let heard = 0;
  let ended = false;
  const answer: StreamedAnswer = {
    kind: "events",
    usage: () => ({ ...NO_USAGE, outputTokens: heard }),
    events: (async function* () {
      try {
        for (const one of chunks) {
          heard += 1;
          yield [one];
        }
      } finally {
        ended = true;
      }
    })(),
  };
  return { answer, heard: () => heard, ended: () => ended };
}

const allowing = (tokensMax: number) => ({
  tokensMax: null,
  coverSound: async () => undefined,
  isCovered: () => true,
  settle: () => undefined,
  async cover(tokens: number) {
    if (tokens > tokensMax) throw new GatewayError("budget_exhausted");
  },
});

it("makes the answer that the provider would have given in one piece", async () => {
  const call = (said: object) => delta({ tool_calls: [{ index: 0, ...said }] });
  const { answer } = streamed([
    chunk([delta({ role: "assistant", content: "" })]),
    chunk([delta({ content: "Hel" }, { logprobs: { content: [{ token: "Hel" }] } })]),
    chunk([
      delta({ content: "lo" }, { logprobs: { content: [{ token: "lo" }] } }),
      { index: 1, delta: { content: "Hi" }, finish_reason: "stop" },
    ]),
    chunk([call({ id: "call_1", type: "function", function: { name: "tell", arguments: "" } })]),
    chunk([call({ function: { arguments: '{"a":' } })]),
    chunk([call({ function: { arguments: "1}" } })]),
    chunk([{ index: 0, delta: {}, finish_reason: "tool_calls" }]),
    chunk([], { usage: { prompt_tokens: 3, completion_tokens: 4 }, system_fingerprint: "fp" }),
  ]);
  const whole = await gatherAnswer(answer, allowing(100));
  expect(JSON.parse(whole.text)).toEqual(whole.value);
  expect(whole.value).toEqual({
    ...{ id: "c", object: "chat.completion", created: 1, model: "m", system_fingerprint: "fp" },
    choices: [
      {
        index: 0,
        message: {
          ...{ role: "assistant", content: "Hello" },
          tool_calls: [{ id: "call_1", type: "function", function: { name: "tell", arguments: '{"a":1}' } }],
        },
        logprobs: { content: [{ token: "Hel" }, { token: "lo" }] },
        finish_reason: "tool_calls",
      },
      { index: 1, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" },
    ],
    usage: { prompt_tokens: 3, completion_tokens: 4 },
  });
});

it("hears no more than there is money for, and lets the provider go", async () => {
  const { answer, heard, ended } = streamed(Array.from({ length: 50 }, () => chunk([delta({ content: "x" })])));
  await expect(gatherAnswer(answer, allowing(10))).rejects.toMatchObject({ code: "budget_exhausted" });
  expect([heard(), ended()]).toEqual([11, true]);
});
