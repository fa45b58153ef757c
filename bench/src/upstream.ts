/**
 * The scripted model server: OpenAI-compatible over real HTTP, the same answer for the same model name, in a process of
 * its own. `GET /count` tells what it did, so that a gateway that drops or repeats a token cannot hide it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { readBody } from "./services/read-body.ts";
import { reportReady } from "./services/report-ready.ts";
import { parseScript, wholeText } from "./upstream/script.ts";
import { streamScript, usageOf } from "./upstream/stream-script.ts";

const count = { requests: 0, tokens: 0, open: 0 };

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function complete(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { model, stream } = JSON.parse(await readBody(request)) as { model: string; stream?: boolean };
  const script = parseScript(model);
  if (script === null) return sendJson(response, 400, { error: { message: "Not a script.", type: "invalid_request_error" } });
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
  response.once("close", () => void count.open--);
  complete(request, response).catch((error: unknown) => {
    if (response.headersSent) response.destroy();
    else sendJson(response, 400, { error: { message: String(error) } });
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => reportReady(server));
