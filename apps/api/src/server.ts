import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TlsFiles } from "@parley/identity";
import { boundBodies } from "./body-times.ts";

interface Listening {
  /** Where it can be reached; the port as given by the system where 0 was asked for. */
  url: string;
  /** Stops accepting, waits for the requests under way at most `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

interface ServerOptions {
  app: RequestListener;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  host: string;
  /** 0 asks the system for a free one. */
  port: number;
  /** Further connections wait in the kernel, or are refused. */
  connectionsMax: number;
  /** Null: plain HTTP. With an authority, clients must show a certificate of its making. */
  tls?: TlsFiles | null;
  /** How long a body may take of which its door says nothing. */
  bodyMs?: number;
}

/** Slow clients: 10 s for the head, 30 s for the body, unless its door gives it more. Answers may take as long as they like. */
const HEADERS_MS = 10_000;
const BODY_MS = 30_000;
/** Longer than balancers keep an idle connection, so that it is they who close it. */
const KEEP_ALIVE_MS = 75_000;

/** How often a closing server looks for connections that have become idle. */
const IDLE_EVERY_MS = 50;

const REFUSALS: Record<string, string> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** A body that takes too long: its answer is given here, and its handler sees a client that has left. */
const refuseSlow = ({ socket }: IncomingMessage): void =>
  refuseUnparsable(Object.assign(new Error("The body took too long."), { code: "ERR_HTTP_REQUEST_TIMEOUT" }), socket);

/** What cannot be parsed reaches no handler; it is answered here, in the same shape, and the connection ends. */
function refuseUnparsable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const id = randomUUID();
  const body = JSON.stringify({ error: { code: "bad_request", message: "The request is malformed.", request_id: id } });
  const head = `HTTP/1.1 ${REFUSALS[error.code ?? ""] ?? "400 Bad Request"}\r\nx-request-id: ${id}\r\ncontent-type: application/json\r\n`;
  socket.end(`${head}content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`, () => socket.destroy());
}

function close(server: Server, sockets: Set<Socket>, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    // A connection whose answer ends now would stay for its client's next request, which is not wanted here any more. One
    // that was opened ahead of need is not idle to Node before its first request, and would stay, too.
    const endIdle = (): void => {
      server.closeIdleConnections();
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    };
    const idle = setInterval(endIdle, IDLE_EVERY_MS);
    server.close(() => {
      clearTimeout(cut);
      clearInterval(idle);
      resolve();
    });
    endIdle();
  });
}

const OPTIONS = {
  ...{ headersTimeout: HEADERS_MS, requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS },
  // Clients that would rather speak HTTP/2 offer it with ordinary requests; those are answered as what they are.
  shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === "websocket",
};

function createServerOver(tls: TlsFiles | null, app: RequestListener): Server {
  if (tls === null) return createServer(OPTIONS, app);
  const { cert, key, ca } = tls;
  const clients = ca === null ? {} : { ca, requestCert: true, rejectUnauthorized: true };
  return createTlsServer({ ...OPTIONS, cert, key, ...clients, minVersion: "TLSv1.2", handshakeTimeout: HEADERS_MS }, app);
}

/** Starts listening. Rejects where the address cannot be had. */
export function listen({ app, upgrade, host, port, connectionsMax, tls = null, bodyMs = BODY_MS }: ServerOptions): Promise<Listening> {
  const server = createServerOver(tls, boundBodies(app, { wholeMs: bodyMs, refuse: refuseSlow }));
  server.maxConnections = connectionsMax;
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("clientError", refuseUnparsable);
  server.on("upgrade", upgrade);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const { address, family, port } = server.address() as AddressInfo;
      const url = `${tls === null ? "http" : "https"}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
      resolve({ url, close: (graceMs) => close(server, sockets, graceMs) });
    });
  });
}
