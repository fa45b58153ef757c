/** The plain Node proxy: parses the body as any gateway must, forwards it, pipes the answer back. */
import { Agent, createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http";
import { readBody } from "./services/read-body.ts";
import { reportReady } from "./services/report-ready.ts";

const target = new URL(process.env.MODEL_BASE_URL ?? "http://127.0.0.1/v1");
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });

async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = JSON.stringify(JSON.parse(await readBody(request)));
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const upstream = send({ agent, host: target.hostname, port: target.port, method: "POST", path: request.url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  upstream.once("error", () => response.destroy());
  response.once("close", () => {
    if (!response.writableFinished) upstream.destroy();
  });
  upstream.end(body);
}

const server = createServer((request, response) => {
  forward(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => reportReady(server));
