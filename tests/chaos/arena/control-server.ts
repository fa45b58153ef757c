import { type AddressInfo, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Answer, Line, Order, Question } from "../processes/control.ts";

interface Driver {
  /** What is to happen at a call, if anything. */
  decide(question: Question): Order | null;
  /** Makes it happen around the process, which then goes on, or stops itself. */
  strike(faultId: number, pid: number): Promise<void>;
  witness(conversationId: string, cursors: string[]): void;
}

export interface ControlServer {
  port: number;
  close(): Promise<void>;
}

/** Where the processes of an arena ask at every named call whether it shall fail. */
export function startControlServer(driver: Driver): Promise<ControlServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let pid = 0;
    const answer = (line: Answer): void => void socket.write(`${JSON.stringify(line)}\n`);
    const act = async (line: Line): Promise<void> => {
      if (line.type === "hello") pid = line.pid;
      if (line.type === "witness") driver.witness(line.conversationId, line.cursors);
      if (line.type === "ask") answer({ id: line.id, order: driver.decide(line) });
      if (line.type === "obey") {
        await driver.strike(line.faultId, pid);
        answer({ id: line.id, order: null });
      }
    };
    sockets.add(socket);
    socket.setNoDelay();
    // Processes are killed in the middle of a word.
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    const lines = createInterface({ input: socket });
    lines.on("error", () => {});
    lines.on("line", (text) => void act(JSON.parse(text) as Line));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            for (const socket of sockets) socket.destroy();
          }),
      });
    });
  });
}
