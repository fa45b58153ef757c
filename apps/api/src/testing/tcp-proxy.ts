import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TcpProxy {
  url: string;
  /** Where new connections go. */
  target: string;
  /** Breaks every connection of now, as a network does: without a word. */
  cut(): void;
  close(): Promise<void>;
}

/** Stands between a client and a server, so that a test can cut what runs through it. */
export function startTcpProxy(target: string): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket, other: () => Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      sockets.delete(socket);
      other().destroy();
    });
  };
  const server = createServer((inward) => {
    const { hostname, port } = new URL(proxy.target);
    const outward = connect(Number(port), hostname);
    keep(inward, () => outward);
    keep(outward, () => inward);
    inward.pipe(outward).pipe(inward);
  });
  const proxy: TcpProxy = {
    url: "",
    target,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        proxy.cut();
      }),
  };
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      resolve(proxy);
    });
  });
}
