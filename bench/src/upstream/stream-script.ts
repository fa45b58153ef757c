import type { ServerResponse } from "node:http";
import { setImmediate as nextTick, setTimeout as sleep } from "node:timers/promises";
import { deltaFrame, endFrames, openAnswer } from "./frames.ts";
import { type Script, tokenAt } from "./script.ts";

const PIECE = 8;

/** Plays a script's tokens as OpenAI-compatible SSE. Calls `sent` once per token written. Ends early when the client goes. */
export async function streamScript(response: ServerResponse, model: string, script: Script, sent: () => void): Promise<void> {
  openAnswer(response);
  response.write(deltaFrame(model, { role: "assistant", content: "" }));
  const firstAt = performance.now() + script.firstMs;
  for (let index = 0; index < script.tokens; index++) {
    if (script.gapMs > 0 || index === 0) {
      // Against the clock, not after the last token, so that late timers do not add up.
      const waitMs = firstAt + index * script.gapMs - performance.now();
      if (waitMs > 0) await sleep(waitMs);
    } else if (index % PIECE === 0) await nextTick();
    if (response.destroyed) return;
    response.write(deltaFrame(model, { content: tokenAt(index) }));
    sent();
  }
  response.end(endFrames(model, "stop", script.tokens));
}
