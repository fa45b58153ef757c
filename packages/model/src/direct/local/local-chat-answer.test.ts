import { expect, it } from "vitest";
import { localChatAnswer } from "./local-chat-answer.ts";

it("says no more than it is bounded to, whatever its caller has asked for", async () => {
  const body = { messages: [{ role: "user", content: "Tell me a long joke about queues" }], max_tokens: 500 };
  const signal = new AbortController().signal;
  const answer = await localChatAnswer({ route: "chat", model: "local/chat", body, outputTokensMax: 2, signal });
  if (answer.kind !== "json") throw new Error("It was asked for in one piece.");
  expect(answer.value).toMatchObject({ choices: [{ finish_reason: "length" }] });
  expect(answer.usage().outputTokens).toBe(2);
});
