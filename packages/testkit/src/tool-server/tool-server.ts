import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ToolReply, ToolReplyScript, ToolRequest, ToolServerCall } from "./tool-reply.ts";

export interface ToolServer {
  /** Every path below it is a tool. */
  url: string;
  /** `host:port`, to allow-list it. */
  host: string;
  /** Every call, oldest first. */
  journal: ToolServerCall[];
  /** Replies for the next calls, one each, before anything else. */
  script(...replies: ToolReplyScript[]): void;
  /** A standing reply for calls of a kind; the first that matches counts. */
  when(predicate: (request: ToolRequest) => boolean, reply: ToolReplyScript): void;
  /** The reply where nothing else applies. Default `done` at once. */
  otherwise(reply: ToolReplyScript): void;
  close(): Promise<void>;
}

/** Tools over real HTTP that do what the test says and keep a journal of what they were asked, did and answered. */
export const startToolServer = async (): Promise<ToolServer> => {
  const journal: ToolServerCall[] = [];
  const queued: ToolReplyScript[] = [];
  const rules: { predicate: (request: ToolRequest) => boolean; reply: ToolReplyScript }[] = [];
  let fallback: ToolReplyScript = {};
  const callsBySocket = new WeakMap<Socket, ToolServerCall[]>();

  const replyTo = (request: ToolRequest): ToolReply => {
    const chosen = queued.shift() ?? rules.find(({ predicate }) => predicate(request))?.reply ?? fallback;
    return typeof chosen === "function" ? chosen(request) : chosen;
  };

  const record = (incoming: IncomingMessage, request: ToolRequest): ToolServerCall => {
    const call: ToolServerCall = {
      ...request,
      id: journal.length + 1,
      method: incoming.method ?? "",
      contentType: incoming.headers["content-type"] ?? null,
      headers: incoming.headers,
      reply: replyTo(request),
      atMs: Date.now(),
      actedAtMs: null,
      outcome: "open",
      endedAtMs: null,
      socketClosedAtMs: null,
    };
    journal.push(call);
    callsBySocket.get(incoming.socket)?.push(call);
    return call;
  };

  const act = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = record(incoming, await read(incoming));
    const { reply } = call;
    const gone = new AbortController();
    response.on("close", () => {
      if (call.outcome === "open") call.outcome = response.writableFinished ? "answered" : "aborted";
      call.endedAtMs = Date.now();
      gone.abort();
    });
    if (reply.delayMs) await sleep(reply.delayMs, undefined, { signal: gone.signal });
    if (reply.breaks?.when === "before") return breakOff(call, response);
    call.actedAtMs = Date.now();
    if (reply.answerDelayMs) await sleep(reply.answerDelayMs, undefined, { signal: gone.signal });
    if (reply.breaks?.when === "after") return breakOff(call, response);
    const body = Buffer.from(bodyOf(reply));
    response.writeHead(reply.status ?? 200, { "content-length": body.length, ...reply.headers });
    if (reply.breaks === undefined) return void response.end(body);
    response.write(body.subarray(0, body.length / 2), () => breakOff(call, response));
  };

  // What fails here is the caller going away in the middle, which the journal has already.
  const server = createServer((incoming, response) => void act(incoming, response).catch(() => response.destroy()));
  server.on("connection", (socket: Socket) => {
    const calls: ToolServerCall[] = [];
    callsBySocket.set(socket, calls);
    socket.on("close", () => {
      for (const call of calls) call.socketClosedAtMs = Date.now();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url: `http://${host}`,
    host,
    journal,
    script: (...replies) => void queued.push(...replies),
    when: (predicate, reply) => void rules.push({ predicate, reply }),
    otherwise: (reply) => {
      fallback = reply;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

async function read(incoming: IncomingMessage): Promise<ToolRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const key = incoming.headers["idempotency-key"];
  return {
    path: incoming.url ?? "",
    key: typeof key === "string" ? key : null,
    arguments: parsed(Buffer.concat(chunks).toString("utf8")),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function bodyOf({ body = "done" }: ToolReply): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

function breakOff(call: ToolServerCall, response: ServerResponse): void {
  if (call.reply.breaks?.how === "hang") return;
  call.outcome = "broken";
  response.socket?.destroy();
}

export type { ToolReply, ToolReplyScript, ToolRequest, ToolServerCall } from "./tool-reply.ts";
