import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

export interface RpcError {
  code: number;
  message: string;
  data?: { code?: string; text?: string; issues?: unknown[]; [member: string]: unknown };
}

/** One frame of the gateway's: an answer, or something that nobody asked for. */
export interface RpcFrame {
  jsonrpc: "2.0";
  id?: string | number | null;
  result?: Record<string, unknown>;
  error?: RpcError;
  method?: string;
  params?: Record<string, unknown>;
}

/** A socket spoken to by hand, so that it can say what no client would. */
export interface RpcClient {
  /** The answer to one call. */
  call(method: string, params?: unknown): Promise<RpcFrame>;
  /** Its result. Throws where the call was refused. */
  result(method: string, params?: unknown): Promise<Record<string, unknown>>;
  /** Sends a frame as it is. */
  send(frame: unknown): void;
  /** The next frame that none has taken, of whatever kind. */
  next(): Promise<RpcFrame | RpcFrame[]>;
  /** All frames that were no answers to `call`, oldest first; `next` takes none of them away. */
  readonly heard: RpcFrame[];
  /** Waits until something heard fits. */
  hear(fits: (frame: RpcFrame) => boolean): Promise<RpcFrame>;
  /** Code and reason that the gateway closed it with. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Takes nothing more from the connection. */
  pause(): void;
  resume(): void;
  cut(): void;
  close(): Promise<void>;
}

const HEAR_MS = 20_000;
const LOOK_MS = 5;

export async function openRpc(url: string, apiKey: string | null, query = "", more: Record<string, string> = {}): Promise<RpcClient> {
  const headers = { ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }), ...more };
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/ws${query}`, { headers });
  const waiting = new Map<number, (frame: RpcFrame) => void>();
  const untaken: (RpcFrame | RpcFrame[])[] = [];
  const heard: RpcFrame[] = [];
  let lastId = 0;
  // One for each call that waits.
  socket.setMaxListeners(0);
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  socket.on("error", () => {});
  socket.on("message", (bytes: Buffer) => {
    const frame = JSON.parse(bytes.toString()) as RpcFrame | RpcFrame[];
    const take = !Array.isArray(frame) && typeof frame.id === "number" ? waiting.get(frame.id) : undefined;
    if (take && !Array.isArray(frame)) return take(frame);
    untaken.push(frame);
    heard.push(...[frame].flat());
  });
  await once(socket, "open");

  const until = async <Found>(find: () => Found | undefined, what: string): Promise<Found> => {
    for (const endMs = Date.now() + HEAR_MS; Date.now() < endMs; await sleep(LOOK_MS)) {
      const found = find();
      if (found !== undefined) return found;
    }
    throw new Error(`${what} did not come. Heard: ${JSON.stringify(heard).slice(0, 2_000)}`);
  };
  const client: RpcClient = {
    call(method, params) {
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const gone = (): void => reject(new Error(`The socket closed before ${method} was answered.`));
        socket.once("close", gone);
        waiting.set(id, (frame) => {
          waiting.delete(id);
          socket.off("close", gone);
          resolve(frame);
        });
        socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) }));
      });
    },
    async result(method, params) {
      const { result, error } = await client.call(method, params);
      if (result === undefined) throw new Error(`${method} was refused: ${JSON.stringify(error)}`);
      return result;
    },
    send: (frame) => socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame)),
    next: () => until(() => untaken.shift(), "A frame"),
    heard,
    hear: (fits) => until(() => heard.find(fits), "What was waited for"),
    closed,
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    cut: () => socket.terminate(),
    async close() {
      socket.close();
      await closed;
    },
  };
  return client;
}
