import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Made for this file; it is trusted by nobody. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUEZbc4IppqJk2hJMkswDi+dFkRWswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA2NTAxNloYDzIxMjYxMDI5
MDY1MDE2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASHqIy5ZyzsiUk+wqki7jabxQmXKfPFKLSB7s5DEODdFL7rfq44scr7
CoUtCUL/Cr6l8NLYrBiSSWZ4uS2sHiy4o1MwUTAdBgNVHQ4EFgQUEXkMMI5ul30J
eM/nOaIiNq9A754wHwYDVR0jBBgwFoAUEXkMMI5ul30JeM/nOaIiNq9A754wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAh5BV/sKtr1HfXAAx0Eu5w
Lzhvu0wDYN3NRFdlbuFDYQIgeLDYfVhcAG76bCjwe+Z1LeyL9+f876YjjEDNyJQC
sLk=
-----END CERTIFICATE-----`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGPasLKrCp1X5rBRd
dnReSLo7rVcSb9StsfkYnFGwXtehRANCAASHqIy5ZyzsiUk+wqki7jabxQmXKfPF
KLSB7s5DEODdFL7rfq44scr7CoUtCUL/Cr6l8NLYrBiSSWZ4uS2sHiy4
-----END PRIVATE KEY-----`;

/** A server in front of Postgres that takes TLS off, as managed ones have it. */
export async function startTlsFront(postgresUrl: string): Promise<{ port: number; close(): Promise<void> }> {
  const { hostname, port } = new URL(postgresUrl);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer((outer) => void serve(outer));

  async function serve(outer: Socket): Promise<void> {
    keep(outer);
    // What asks for TLS has no other content.
    await once(outer, "data");
    outer.write("S");
    const plain = new TLSSocket(outer, { isServer: true, key: KEY, cert: CERTIFICATE });
    const inner = connect(Number(port), hostname);
    keep(plain);
    keep(inner);
    inner.once("close", () => plain.destroy());
    plain.once("close", () => inner.destroy());
    plain.pipe(inner).pipe(plain);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
