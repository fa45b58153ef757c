import { once } from "node:events";
import WebSocket from "ws";

/** What the gateway answered to one call: its result or the shape of its refusal. */
export interface SocketAnswer {
  result?: { type?: string; data?: unknown; id?: string };
  error?: { message: string; data: { code: string; httpStatus: number; [member: string]: unknown } };
}

/** A socket spoken to by hand, so that it can say what no client would. */
export interface TrpcSocket {
  /** The first answer to the call; of a subscription the first that is no mere start. Rejects where the socket is closed before. */
  call(method: "query" | "mutation" | "subscription", path: string, input: unknown): Promise<SocketAnswer>;
  /** Sends a frame as it is. */
  send(frame: string | Uint8Array): void;
  /** The next message, whatever it is. */
  next(): Promise<unknown>;
  /** The code that the gateway closed it with. */
  readonly closed: Promise<number>;
  close(): Promise<void>;
}

/** Opens a socket with this key, or with none. */
export async function openTrpcSocket(url: string, apiKey: string | null): Promise<TrpcSocket> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/trpc${apiKey === null ? "" : "?connectionParams=1"}`);
  const waiting = new Map<number, PromiseWithResolvers<SocketAnswer>>();
  const closed = new Promise<number>((resolve) => {
    socket.once("close", (code) => {
      resolve(code);
      for (const { reject } of waiting.values()) reject(new Error(`The gateway closed the socket, with ${code}.`));
    });
  });
  let lastId = 0;
  socket.on("error", () => {});
  socket.on("message", (bytes: Buffer) => {
    const text = bytes.toString();
    if (text === "PING") return socket.send("PONG");
    const answer = JSON.parse(text) as SocketAnswer & { id: number };
    if (answer.result?.type === "started") return;
    waiting.get(answer.id)?.resolve(answer);
  });
  await once(socket, "open");
  if (apiKey !== null) socket.send(JSON.stringify({ method: "connectionParams", data: { apiKey } }));
  return {
    async call(method, path, input) {
      if (socket.readyState !== WebSocket.OPEN) throw new Error(`The socket was closed, with ${await closed}.`);
      const id = ++lastId;
      const call = Promise.withResolvers<SocketAnswer>();
      waiting.set(id, call);
      socket.send(JSON.stringify({ id, jsonrpc: "2.0", method, params: { path, input } }));
      const answer = await call.promise;
      waiting.delete(id);
      if (method === "subscription" && !answer.error) socket.send(JSON.stringify({ id, method: "subscription.stop" }));
      return answer;
    },
    send: (frame) => socket.send(frame),
    next: async () => {
      const [bytes] = (await once(socket, "message")) as [Buffer];
      return JSON.parse(bytes.toString());
    },
    closed,
    async close() {
      socket.close();
      await closed;
    },
  };
}
