import type { ServerResponse } from "node:http";
import { setImmediate as nextTick, setTimeout as sleep } from "node:timers/promises";
import { type Script, tokenAt } from "./script.ts";

const PIECE = 8;

const frame = (model: string, choice: object, usage?: object): string =>
  `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 0, model, choices: [choice], ...usage })}\n\n`;

const delta = (model: string, content: string) => frame(model, { index: 0, delta: { content }, finish_reason: null });

export const usageOf = (tokens: number) => ({ usage: { prompt_tokens: 8, completion_tokens: tokens, total_tokens: tokens + 8 } });

/** Plays a script as OpenAI-compatible SSE. Calls `sent` once per token written. Ends early when the client goes. */
export async function streamScript(response: ServerResponse, model: string, script: Script, sent: () => void): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.write(frame(model, { index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }));
  const firstAt = performance.now() + script.firstMs;
  for (let index = 0; index < script.tokens; index++) {
    if (script.gapMs > 0 || index === 0) {
      // Against the clock, not after the last token, so that late timers do not add up.
      const waitMs = firstAt + index * script.gapMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
    } else if (index % PIECE === 0) await nextTick();
    if (response.destroyed) return;
    response.write(delta(model, tokenAt(index)));
    sent();
  }
  response.write(frame(model, { index: 0, delta: {}, finish_reason: "stop" }));
  response.end(
    `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 0, model, choices: [], ...usageOf(script.tokens) })}\n\ndata: [DONE]\n\n`,
  );
}
