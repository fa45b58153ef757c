import type { Server } from "node:http";

/** Tells the parent process which port a server took; `startProcess` reads it. Nothing is sent when run by hand. */
export function reportReady(server: Server): void {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  process.send?.({ port });
}
