import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";

export interface Relay {
  url: string;
  /** `host:port`, as allow-lists have it. */
  host: string;
  /** Where everything goes from now on. */
  leadTo(url: string): void;
  close(): Promise<void>;
}

/** An address that is known before what stands behind it: each request goes on as it is. */
export async function startRelay(): Promise<Relay> {
  let target = new URL("http://127.0.0.1:9");
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = request({ hostname: target.hostname, port: target.port, method, path, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    leadTo: (url) => {
      target = new URL(url);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
