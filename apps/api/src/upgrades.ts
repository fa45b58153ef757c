import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/** A door that speaks WebSocket, on one path. */
export interface SocketDoor {
  path: string;
  /** Takes over a connection that asks to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Asks every client to go on elsewhere, and takes no more. */
  close(): void;
}

export type Upgrades = Omit<SocketDoor, "path">;

/** Hands each upgrade to the door of its path. Any other path is refused with 404, before a handshake. */
export function createUpgrades(doors: readonly SocketDoor[]): Upgrades {
  const byPath = new Map(doors.map((door) => [door.path, door]));
  return {
    upgrade(request, socket, head) {
      const door = byPath.get(request.url?.split("?", 1)[0] ?? "");
      if (door === undefined) socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      else door.upgrade(request, socket, head);
    },
    close() {
      for (const door of doors) door.close();
    },
  };
}
