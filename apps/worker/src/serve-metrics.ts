import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Metrics } from "@parley/telemetry";

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/** `/health` and `/metrics` of a process that serves nothing else. Rejects when the port is taken. */
export async function serveMetrics({ host, port, metrics }: { host: string; port: number; metrics: Metrics }): Promise<MetricsServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === "/health") {
      response.writeHead(200, { "content-type": "application/json" }).end('{"status":"ok"}');
    } else if (request.url === "/metrics") {
      const { contentType, body } = await metrics.render();
      response.writeHead(200, { "content-type": contentType }).end(body);
    } else {
      response.writeHead(404).end();
    }
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
