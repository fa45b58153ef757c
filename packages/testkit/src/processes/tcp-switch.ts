import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A balancer between a client and the replicas: each new connection goes to the next of them. */
export interface TcpSwitch {
  url: string;
  /** Connections made so far. */
  connections(): number;
  /** Breaks every connection of now, as a network does: without a word. */
  cut(): void;
  /** Breaks them with a reset, so that what was on its way is lost too. */
  reset(): void;
  close(): Promise<void>;
}

/** `targets` are addresses, or what has one: it is asked for each connection, because a process that is started again has another. */
export function startTcpSwitch(targets: readonly (string | { readonly url: string })[]): Promise<TcpSwitch> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const keep = (socket: Socket, other: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((inward) => {
    const target = targets[connections++ % targets.length] ?? "";
    const { hostname, port } = new URL(typeof target === "string" ? target : target.url);
    const outward = connect(Number(port), hostname);
    keep(inward, outward);
    keep(outward, inward);
    inward.pipe(outward).pipe(inward);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      cut();
    });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      resolve({ url: `http://127.0.0.1:${port}`, connections: () => connections, cut, reset, close });
    });
  });
}
