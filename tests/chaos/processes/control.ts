import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { FaultKind, Phase, PointName } from "../plan/points.ts";

/** A call of a port that is about to be made. */
export interface Question {
  /** The names that fit the call. */
  points: PointName[];
  /** Whom it is about. */
  organizationIds: string[];
  /** What the model is asked, where nothing else tells whose call it is. */
  text?: string;
}

/** A line from a process to the driver. Those with an id are answered with `Answer`. */
export type Line =
  | { type: "hello"; pid: number }
  | ({ type: "ask"; id: number } & Question)
  | { type: "obey"; id: number; faultId: number }
  | { type: "witness"; conversationId: string; cursors: string[] };

/** A fault that shall strike at the call that was asked about. */
export interface Order {
  faultId: number;
  kind: FaultKind;
  phase: Phase;
}

export interface Answer {
  id: number;
  order: Order | null;
}

/** A process's line to the driver, which alone knows what is to fail when. */
export interface Control {
  ask(question: Question): Promise<Order | null>;
  /** Makes it happen. Returns when this process may go on, if it may. */
  obey(order: Order): Promise<void>;
  /** Cursors that were given to readers and are in no row: without them a hole could not be told from a delta. */
  witness(conversationId: string, cursors: string[]): void;
}

const SIGNALS: Partial<Record<FaultKind, NodeJS.Signals>> = { kill: "SIGKILL", freeze: "SIGSTOP", terminate: "SIGTERM" };

/** A process whose driver is gone has nothing to live for. */
export async function connectControl(port: number): Promise<Control> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  socket.setNoDelay();
  socket.on("error", () => {});
  socket.once("close", () => process.exit(1));
  const waiting = new Map<number, (order: Order | null) => void>();
  const lines = createInterface({ input: socket });
  // It repeats the socket's errors.
  lines.on("error", () => {});
  lines.on("line", (text) => {
    const { id, order } = JSON.parse(text) as Answer;
    waiting.get(id)?.(order);
    waiting.delete(id);
  });
  const say = (line: Line): void => void socket.write(`${JSON.stringify(line)}\n`);
  let lastId = 0;
  const answered = (lineOf: (id: number) => Line): Promise<Order | null> =>
    new Promise((resolve) => {
      const id = ++lastId;
      waiting.set(id, resolve);
      say(lineOf(id));
    });
  say({ type: "hello", pid: process.pid });

  return {
    ask: (question) => answered((id) => ({ type: "ask", id, ...question })),
    async obey({ kind, faultId }) {
      await answered((id) => ({ type: "obey", id, faultId }));
      const signal = SIGNALS[kind];
      if (signal !== undefined) process.kill(process.pid, signal);
    },
    witness: (conversationId, cursors) => say({ type: "witness", conversationId, cursors }),
  };
}
