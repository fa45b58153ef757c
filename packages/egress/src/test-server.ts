import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";
import { createEgress, type EgressOptions } from "./egress.ts";

/** What the test at hand opened; closed after it. */
export const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0)) await thing.close();
});

export const egress = (options: EgressOptions = {}) => {
  const made = createEgress(options);
  opened.push(made);
  return made;
};

/** A real HTTP server on loopback that keeps the requests it got. */
export const serve = async (listener: (...given: Parameters<RequestListener>) => unknown) => {
  const requests: IncomingMessage[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    requests.push(request);
    listener(request, response);
  });
  server.on("connection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, port, requests, connections: () => connections };
};

export const body = async (request: IncomingMessage) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
};

export const refusal = { code: "egress_refused" };
export const failure = { code: "egress_failed" };
