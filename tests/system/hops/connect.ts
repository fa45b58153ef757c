import { once } from "node:events";
import type { LogEvent } from "@parley/contracts";
import { eventFrames, type RestEvent } from "@parley/testkit";
import WebSocket from "ws";
import { cutAfter } from "../support/cut-after.ts";

export const TRANSPORTS = ["rest", "sse", "socket"] as const;
/** REST's events, tRPC over server-sent events, tRPC over WebSocket. */
export type Transport = (typeof TRANSPORTS)[number];

/** What a reader is told, in the words of the door, and the cursor that it may go on from anywhere. */
export type Told = { cursor: string } & ({ door: "rest"; event: RestEvent } | { door: "trpc"; event: LogEvent });

export interface Connection {
  transport: Transport;
  /** Of the replica. */
  url: string;
  apiKey: string;
  agentId: string;
  conversationId: string;
  /** What was seen last; null for the whole log. */
  after: string | null;
  /** The connection breaks after so many bytes, in the middle of whatever is on its way. */
  bytesMax: number;
}

/** Follows a conversation until the connection breaks. Throws where the gateway ends it or refuses. */
export function connect(connection: Connection): AsyncGenerator<Told, void> {
  switch (connection.transport) {
    case "rest":
      return overRest(connection);
    case "sse":
      return overSse(connection);
    case "socket":
      return overSocket(connection);
  }
}

async function* overRest({ url, apiKey, agentId, conversationId, after, bytesMax }: Connection): AsyncGenerator<Told, void> {
  const path = `${url}/v1/agents/${agentId}/gateway/conversations/${conversationId}/events`;
  const response = await fetch(path, { headers: { "x-api-key": apiKey, ...(after !== null && { "last-event-id": after }) } });
  for await (const { id, data } of framesOf(response, bytesMax)) {
    const { type, task_id: taskId, data: inner } = JSON.parse(data) as { type: string; task_id: string; data: unknown };
    if (type === "connected") continue;
    if (id === null || type === "error") throw new Error(`REST ended with ${data}`);
    yield { door: "rest", cursor: id, event: { id, type, taskId, data: inner } };
  }
}

async function* overSse({ url, apiKey, conversationId, after, bytesMax }: Connection): AsyncGenerator<Told, void> {
  const response = await fetch(`${url}/trpc/turn.follow`, {
    method: "POST",
    headers: { "x-api-key": apiKey, "content-type": "application/json", ...(after !== null && { "last-event-id": after }) },
    body: JSON.stringify({ conversationId }),
  });
  for await (const { id, event, data } of framesOf(response, bytesMax)) {
    if (event === "connected" || event === "ping") continue;
    if (id === null) throw new Error(`tRPC ended with ${event} ${data}`);
    yield toldBy(id, JSON.parse(data));
  }
}

async function* framesOf(response: Response, bytesMax: number) {
  if (!response.ok || response.body === null) throw new Error(`${response.url} answered ${response.status}`);
  let isCut = false;
  yield* eventFrames(
    cutAfter(response.body, bytesMax, () => {
      isCut = true;
    }),
  );
  if (!isCut) throw new Error(`${response.url} ended by itself`);
}

interface SocketMessage {
  result?: { type: string; id?: string; data?: { data: LogEvent } };
  error?: unknown;
}

async function* overSocket({ url, apiKey, conversationId, after, bytesMax }: Connection): AsyncGenerator<Told, void> {
  const socket = new WebSocket(`${url.replace(/^http/, "ws")}/trpc?connectionParams=1`);
  try {
    // Listens before anything can come.
    const messages = messagesOf(socket);
    await once(socket, "open");
    const input = { conversationId, ...(after !== null && { lastEventId: after }) };
    socket.send(JSON.stringify({ method: "connectionParams", data: { apiKey } }));
    socket.send(JSON.stringify({ id: 1, jsonrpc: "2.0", method: "subscription", params: { path: "turn.follow", input } }));
    let left = bytesMax;
    for await (const text of messages) {
      left -= text.length;
      if (left <= 0) return;
      if (text === "PING") {
        socket.send("PONG");
        continue;
      }
      const { result, error } = JSON.parse(text) as SocketMessage;
      if (result?.type === "started") continue;
      if (result?.data === undefined || result.id === undefined) throw new Error(`The socket said ${JSON.stringify(error ?? result)}`);
      yield toldBy(result.id, result.data.data);
    }
    throw new Error("The socket was closed by the gateway");
  } finally {
    socket.terminate();
  }
}

async function* messagesOf(socket: WebSocket): AsyncGenerator<string> {
  const waiting: string[] = [];
  let isOver = false;
  let wake = (): void => {};
  socket.on("message", (bytes: Buffer) => {
    waiting.push(bytes.toString());
    wake();
  });
  socket.on("error", () => {});
  socket.once("close", () => {
    isOver = true;
    wake();
  });
  for (;;) {
    const text = waiting.shift();
    if (text !== undefined) yield text;
    else if (isOver) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}

function toldBy(id: string, event: LogEvent): Told {
  if (event.cursor !== id) throw new Error(`${id} is told as ${event.cursor}`);
  return { door: "trpc", cursor: id, event };
}
