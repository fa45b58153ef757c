import { createServer } from "node:net";

/** A port that nobody listens on now. Somebody may take it before its user does: be ready to ask again. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  const port = await listenOnce(0, host);
  if (port === null) throw new Error(`no port is free on ${host}`);
  return port;
}

/** Whether a server could listen there now. */
export async function isPortFree(port: number, host: string): Promise<boolean> {
  return (await listenOnce(port, host)) !== null;
}

function listenOnce(port: number, host: string): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(port, host, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : null));
    });
  });
}
