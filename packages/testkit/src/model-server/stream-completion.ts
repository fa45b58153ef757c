import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { contentDeltas, finishOf, usageOf } from "./completion.ts";
import type { ModelCall } from "./model-call.ts";
import type { ModelServerRequest, Reply } from "./reply.ts";

const write = (response: ServerResponse, data: string): Promise<void> =>
  new Promise((resolve, reject) => {
    response.write(`data: ${data}\n\n`, (error) => (error ? reject(error) : resolve()));
  });

interface Exchange {
  id: string;
  request: ModelServerRequest;
  reply: Reply;
  response: ServerResponse;
  call: ModelCall;
  /** Aborted when the client goes away. */
  gone: AbortSignal;
}

const breakOff = async ({ reply, response, call, gone }: Exchange): Promise<void> => {
  const { how, error } = reply.breaks ?? { how: "cut" };
  if (how === "hang") return sleep(2 ** 31 - 1, undefined, { signal: gone, ref: false });
  call.outcome = "broken";
  if (how === "cut") {
    response.socket?.destroy();
    return;
  }
  await write(
    response,
    how === "malformed" ? '{"choices":[{"delta":{"content":"half' : JSON.stringify({ error: error ?? { message: "broke", code: 502 } }),
  );
  response.end();
};

/**
 * Streams the reply as server-sent events. Each content chunk is awaited until it is on the wire, so the journal's count
 * of sent tokens is exact. Rejects with an abort when the client goes away.
 */
export const streamCompletion = async (exchange: Exchange): Promise<void> => {
  const { id, request, reply, response, call, gone } = exchange;
  const frame = (choices: unknown[], extra: Record<string, unknown> = {}) =>
    JSON.stringify({ id, object: "chat.completion.chunk", created: 0, model: request.body.model, choices, ...extra });
  const choice = (delta: unknown, finish_reason: string | null = null) => frame([{ index: 0, delta, finish_reason }]);

  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  if (reply.emptyChoices) await write(response, frame([]));
  await write(response, choice({ role: "assistant", content: "" }));
  const deltas = contentDeltas(reply);
  for (const [index, delta] of deltas.entries()) {
    if (reply.breaks?.afterChunks === index) return breakOff(exchange);
    const delayMs = index === 0 ? reply.firstDelayMs : reply.delayMs;
    if (delayMs) await sleep(delayMs, undefined, { signal: gone });
    gone.throwIfAborted();
    await write(response, choice(delta));
    call.tokensSent += 1;
    call.lastTokenAtMs = Date.now();
  }
  if (reply.breaks) return breakOff(exchange);
  const finish = finishOf(reply);
  if (finish !== null) await write(response, choice({}, finish));
  const usage = request.body.stream_options?.include_usage ? usageOf(request, reply) : null;
  if (usage !== null) await write(response, frame([], { usage }));
  if (!reply.withoutDone) await write(response, "[DONE]");
  response.end();
};
