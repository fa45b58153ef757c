import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface TokenServer {
  url: string;
  host: string;
  /** What was asked, as forms. */
  asked: URLSearchParams[];
  close(): Promise<void>;
}

/** Gives tokens for client credentials, each another one. */
export async function startTokenServer(): Promise<TokenServer> {
  const asked: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push(new URLSearchParams(body));
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ access_token: `token-${asked.length}`, token_type: "bearer", expires_in: 3_600 }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ url: `http://${host}/token`, host, asked },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
