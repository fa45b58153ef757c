import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The operator's own plugin: does what it is told to, and notes how often. */
export interface PluginServer {
  url: string;
  host: string;
  /** How often each piece of work was done, by its name. */
  done: Map<string, number>;
  close(): Promise<void>;
}

/** Takes `{work}` and answers `{work}`; what is called `failing …` fails each time. */
export async function startPluginServer(): Promise<PluginServer> {
  const done: PluginServer["done"] = new Map();
  async function work(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const piece of request) text += String(piece);
    const { work: name } = JSON.parse(text) as { work: string };
    if (name.startsWith("failing")) return void response.writeHead(500).end("no");
    done.set(name, (done.get(name) ?? 0) + 1);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ work: name }));
  }
  const server = createServer((request, response) => {
    work(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...{ url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, done },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
