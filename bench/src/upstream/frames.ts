import type { ServerResponse } from "node:http";

const chunk = (model: string, choices: object[], more?: object): string =>
  `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 0, model, choices, ...more })}\n\n`;

export const openAnswer = (response: ServerResponse): void =>
  void response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });

/** A chunk of an answer that goes on. */
export const deltaFrame = (model: string, delta: object): string => chunk(model, [{ index: 0, delta, finish_reason: null }]);

export const usageOf = (tokens: number) => ({ usage: { prompt_tokens: 8, completion_tokens: tokens, total_tokens: tokens + 8 } });

/** All that follows the last token. */
export const endFrames = (model: string, reason: "stop" | "tool_calls", tokens: number): string =>
  `${chunk(model, [{ index: 0, delta: {}, finish_reason: reason }])}${chunk(model, [], usageOf(tokens))}data: [DONE]\n\n`;
