import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { wholeCompletion } from "./completion.ts";
import { wholeEmbeddings } from "./embeddings.ts";
import { type ModelCall, withoutCredentials } from "./model-call.ts";
import { lastUserText, type ModelServerRequest, type Reply, type ReplyScript } from "./reply.ts";
import { streamCompletion } from "./stream-completion.ts";

export interface ModelServerOptions {
  /** Requests without it as their bearer token are answered 401. */
  apiKey?: string;
  models?: string[];
}

export interface ModelServer {
  /** The base URL to configure, ending in `/v1`. */
  url: string;
  /** `host:port`, to allow-list it. */
  host: string;
  /** Every request to completions and embeddings, oldest first. */
  journal: ModelCall[];
  /** Replies for the next requests, one each, before anything else. */
  script(...replies: ReplyScript[]): void;
  /** A standing reply for requests of a kind; the first that matches counts. */
  when(predicate: (request: ModelServerRequest) => boolean, reply: ReplyScript): void;
  /** The reply where nothing else applies. Default five tokens. */
  otherwise(reply: ReplyScript): void;
  close(): Promise<void>;
}

const PATHS = new Set(["/v1/chat/completions", "/v1/embeddings", "/v1/audio/speech", "/v1/audio/transcriptions"]);

const json = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
};

/** A form's fields; of a file its name and size. */
async function readForm(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<Record<string, unknown>> {
  const form = await new Response(bytes, { headers: { "content-type": contentType } }).formData();
  return Object.fromEntries(
    [...form].map(([name, value]) => [name, typeof value === "string" ? value : { name: value.name, size: value.size }]),
  );
}

const read = async (request: IncomingMessage): Promise<ModelServerRequest> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const bytes = Uint8Array.from(Buffer.concat(chunks));
  const contentType = request.headers["content-type"] ?? "";
  const isForm = contentType.startsWith("multipart/");
  const parsed = (): ModelServerRequest["body"] => (bytes.length === 0 ? {} : JSON.parse(Buffer.from(bytes).toString("utf8")));
  const body = isForm ? await readForm(bytes, contentType) : parsed();
  return { path: request.url ?? "", body, lastUserText: lastUserText(body) };
};

/** An OpenAI-compatible upstream over real HTTP that does what the test says and keeps a journal of what it saw. */
export const startModelServer = async (options: ModelServerOptions = {}): Promise<ModelServer> => {
  const journal: ModelCall[] = [];
  const queued: ReplyScript[] = [];
  const rules: { predicate: (request: ModelServerRequest) => boolean; reply: ReplyScript }[] = [];
  let fallback: ReplyScript = { tokens: 5 };
  const callsBySocket = new WeakMap<Socket, ModelCall[]>();

  const replyTo = (request: ModelServerRequest): Reply => {
    const chosen = queued.shift() ?? rules.find(({ predicate }) => predicate(request))?.reply ?? fallback;
    return typeof chosen === "function" ? chosen(request) : chosen;
  };

  const record = (incoming: IncomingMessage, { path, body }: ModelServerRequest, reply: Reply): ModelCall => {
    const call: ModelCall = {
      id: journal.length + 1,
      path,
      atMs: Date.now(),
      headers: withoutCredentials(incoming.headers),
      body,
      reply,
      tokensSent: 0,
      lastTokenAtMs: null,
      outcome: "open",
      endedAtMs: null,
      socketClosedAtMs: null,
    };
    journal.push(call);
    callsBySocket.get(incoming.socket)?.push(call);
    return call;
  };

  const act = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await read(incoming);
    const reply = replyTo(request);
    const call = record(incoming, request, reply);
    const gone = new AbortController();
    response.on("close", () => {
      if (call.outcome === "open") call.outcome = response.writableFinished ? "finished" : "aborted";
      call.endedAtMs = Date.now();
      gone.abort();
    });
    if (reply.hang) return;
    await reply.after;
    if (gone.signal.aborted) return;
    if (reply.headersDelayMs) await sleep(reply.headersDelayMs, undefined, { signal: gone.signal });
    const status = reply.status ?? 200;
    if (status !== 200) {
      const error = reply.error ?? { error: { message: `scripted ${status}`, type: "scripted", code: status } };
      return json(response, status, error, reply.retryAfter === undefined ? {} : { "retry-after": reply.retryAfter });
    }
    const id = `chatcmpl-${call.id}`;
    if (request.path.endsWith("/speech")) {
      return void response.writeHead(200, { "content-type": reply.contentType ?? "audio/mpeg" }).end(reply.sound ?? Buffer.from("sound"));
    }
    if (request.path.endsWith("/transcriptions")) return json(response, 200, { text: [reply.text ?? "heard"].flat().join("") });
    if (request.path.endsWith("/embeddings")) return json(response, 200, wholeEmbeddings(request, reply));
    if (request.body.stream) return streamCompletion({ id, request, reply, response, call, gone: gone.signal });
    json(response, 200, wholeCompletion(id, request, reply));
  };

  const server = createServer((incoming, response) => {
    const key = options.apiKey;
    if (key !== undefined && incoming.headers.authorization !== `Bearer ${key}`)
      return json(response, 401, { error: { message: "wrong key" } });
    if (incoming.url === "/v1/models") {
      return json(response, 200, {
        object: "list",
        data: (options.models ?? ["scripted"]).map((id) => ({ id, object: "model", created: 0, owned_by: "test" })),
      });
    }
    if (!PATHS.has(incoming.url ?? "")) return json(response, 404, { error: { message: "no such path" } });
    // What fails here is the client going away in the middle, which the journal has already.
    act(incoming, response).catch(() => response.destroy());
  });
  server.on("connection", (socket: Socket) => {
    const calls: ModelCall[] = [];
    callsBySocket.set(socket, calls);
    socket.on("close", () => {
      for (const call of calls) call.socketClosedAtMs = Date.now();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url: `http://${host}/v1`,
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

export { scriptedVector } from "./embeddings.ts";
export type { ModelCall } from "./model-call.ts";
export { type ModelServerRequest, type Reply, type ReplyScript, tokenText } from "./reply.ts";
