import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { mayOpenSocket, type OriginLists } from "./origins.ts";

/** A door that speaks WebSocket, on one path. */
export interface SocketDoor {
  path: string;
  /** Takes over a connection that asks to become a WebSocket. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Asks every client to go on elsewhere, and takes no more. */
  close(): void;
}

export type Upgrades = Omit<SocketDoor, "path">;

const refuse = (socket: Duplex, status: string): void => {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
};

/** Hands each upgrade to the door of its path. Before a handshake, any other path is refused with 404, and a page of a foreign origin with 403. */
export function createUpgrades(doors: readonly SocketDoor[], origins: OriginLists): Upgrades {
  const byPath = new Map(doors.map((door) => [door.path, door]));
  return {
    upgrade(request, socket, head) {
      const door = byPath.get(request.url?.split("?", 1)[0] ?? "");
      if (door === undefined) refuse(socket, "404 Not Found");
      else if (!mayOpenSocket(request, origins)) refuse(socket, "403 Forbidden");
      else door.upgrade(request, socket, head);
    },
    close() {
      for (const door of doors) door.close();
    },
  };
}
