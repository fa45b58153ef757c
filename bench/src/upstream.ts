/**
 * The scripted model server: OpenAI-compatible over real HTTP, the same answer for the same model name, in a process of
 * its own. `GET /count` tells what it did, so that a gateway that drops or repeats a token cannot hide it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { readBody } from "./services/read-body.ts";
import { reportReady } from "./services/report-ready.ts";
import { usageOf } from "./upstream/frames.ts";
import { parseScript, wholeText } from "./upstream/script.ts";
import { streamCalls } from "./upstream/stream-calls.ts";
import { streamScript } from "./upstream/stream-script.ts";
import type { UpstreamCount } from "./upstream/upstream-count.ts";

const count: UpstreamCount = { requests: 0, tokens: 0, open: 0, lastLeftAtMs: 0 };

interface Asked {
  model: string;
  stream?: boolean;
  messages: { role: string }[];
  tools?: { function: { name: string } }[];
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function complete(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { model, stream, messages, tools } = JSON.parse(await readBody(request)) as Asked;
  const script = parseScript(model);
  if (script === null) return sendJson(response, 400, { error: { message: "Not a script.", type: "invalid_request_error" } });
  const tool = messages.at(-1)?.role === "tool" ? undefined : tools?.[0]?.function.name;
  if (stream === true && script.calls !== undefined && tool !== undefined) return streamCalls(response, model, tool, script.calls);
  if (stream === true) return streamScript(response, model, script, () => void count.tokens++);
  await sleep(script.firstMs + script.gapMs * (script.tokens - 1));
  count.tokens += script.tokens;
  const message = { role: "assistant", content: wholeText(script.tokens) };
  sendJson(response, 200, {
    id: "chatcmpl-bench",
    object: "chat.completion",
    created: 0,
    model,
    choices: [{ index: 0, message, finish_reason: "stop" }],
    ...usageOf(script.tokens),
  });
}

const server = createServer((request, response) => {
  if (request.url === "/count") return sendJson(response, 200, count);
  if (request.method !== "POST" || request.url !== "/v1/chat/completions")
    return sendJson(response, 404, { error: { message: "Not found." } });
  count.requests++;
  count.open++;
  response.once("close", () => {
    count.open--;
    if (!response.writableFinished) count.lastLeftAtMs = Date.now();
  });
  complete(request, response).catch((error: unknown) => {
    if (response.headersSent) response.destroy();
    else sendJson(response, 400, { error: { message: String(error) } });
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => reportReady(server));
