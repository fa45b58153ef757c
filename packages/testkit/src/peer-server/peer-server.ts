import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { AgentCard } from "@a2a-js/sdk";
import { legacyAgentCardRouter } from "@a2a-js/sdk/compat/v0_3/server/express";
import { DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import { createDidIdentity } from "@parley/peers";
import express, { type Express, type Request, type Response } from "express";
import { peerExecutor, scripted } from "./peer-executor.ts";
import type { PeerManner, PeerServerCall, PeerServerTask } from "./peer-manner.ts";
import { snakeCasePeer } from "./snake-case-peer.ts";

export interface PeerServerOptions {
  manner?: PeerManner;
  /** What it answers to a message; the message's own text by default. */
  answer?: (text: string) => string;
  /** The one binding that it speaks; JSON-RPC by default. */
  binding?: "JSONRPC" | "HTTP+JSON";
  /** Those that it speaks; both by default. */
  versions?: ("1.0" | "0.3")[];
  /** What its card says of it and of its one skill, `do`. */
  describes?: { name?: string; description?: string; skill?: string };
}

export interface PeerServer {
  url: string;
  /** `host:port`, to allow-list it. */
  host: string;
  did: string;
  /** Of its DID, in base58. */
  publicKey: string;
  /** Every request, oldest first. */
  journal: PeerServerCall[];
  /** Every task of a scripted peer, oldest first. */
  tasks: PeerServerTask[];
  /** The ids of all messages that it was sent, repeated ones as often as they came. */
  messageIds(): string[];
  /** One that has died listens again, at the same place, and knows its tasks. */
  revive(): Promise<void>;
  close(): Promise<void>;
}

const METADATA_ADDRESS = "http://169.254.169.254/latest/meta-data/";

/** Another agent over real HTTP, made with the A2A SDK, that speaks 1.0 and 0.3, behaves as the test says, and keeps a journal of what it was sent. */
export async function startPeerServer(options: PeerServerOptions = {}): Promise<PeerServer> {
  const { manner = "completes", answer = (text) => text } = options;
  const own = createDidIdentity({ seed: Buffer.alloc(32, 0x51), author: "peer@test.example", name: "peer" });
  const other = createDidIdentity({ seed: Buffer.alloc(32, 0x52), author: "peer@test.example", name: "other" });
  const sign = manner === "signs" ? own.sign : manner === "signs-wrongly" ? other.sign : null;
  const journal: PeerServerCall[] = [];
  const tasks: PeerServerTask[] = [];
  const app = express();
  let server: Server = createServer(app);
  const listen = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  const port = await listen(0);
  const host = `127.0.0.1:${port}`;
  const url = `http://${host}`;

  app.use(express.json({ limit: "16mb" }), (request, response, next) => {
    const call = callOf(request);
    journal.push(call);
    if (manner === "scripted" && call.messageId !== null) answerLate(response, scripted(call.text, "late") ?? 0);
    next();
  });
  if (manner === "redirects") app.use((_request, response) => response.redirect(307, METADATA_ADDRESS));
  app.post("/did/resolve", (request, response) => {
    const isOwn = (request.body as { did?: unknown }).did === own.did;
    if (isOwn) response.type("application/did+json").send(own.document);
    else response.status(404).json({ error: "not found" });
  });
  if (manner === "snake-case") app.post("/", snakeCasePeer(answer));
  else serveSdk(app, cardOf(url, own.did, options), peerExecutor(manner, { answer, sign, die: stop, tasks }));

  return {
    url,
    host,
    did: own.did,
    publicKey: own.publicKey,
    journal,
    tasks,
    messageIds: () => journal.flatMap(({ messageId }) => messageId ?? []),
    async revive() {
      server = createServer(app);
      await listen(port);
    },
    close: async () => stop(),
  };
}

function serveSdk(app: Express, card: AgentCard, executor: ReturnType<typeof peerExecutor>): void {
  const requestHandler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
  for (const path of ["/.well-known/agent-card.json", "/.well-known/agent.json"]) {
    app.use(path, legacyAgentCardRouter({ agentCardProvider: async () => card }));
    app.use(path, agentCardHandler({ agentCardProvider: async () => AgentCard.toJSON(card) as AgentCard }));
  }
  const options = { requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat: { enabled: true } };
  const speaksRest = card.supportedInterfaces.some(({ protocolBinding }) => protocolBinding === "HTTP+JSON");
  app.use(speaksRest ? restHandler(options) : jsonRpcHandler(options));
}

/** What is asked is done at once, and said later. */
function answerLate(response: Response, ms: number): void {
  if (ms === 0) return;
  const send = response.json.bind(response);
  response.json = (body) => {
    setTimeout(() => send(body), ms).unref();
    return response;
  };
}

const cardOf = (
  url: string,
  did: string,
  { manner, binding = "JSONRPC", versions = ["1.0", "0.3"], describes = {} }: PeerServerOptions,
): AgentCard =>
  AgentCard.fromJSON({
    name: describes.name ?? "Peer",
    description: describes.description ?? "Does what it is asked.",
    version: "1.0.0",
    supportedInterfaces: versions.map((protocolVersion) => ({ url, protocolBinding: binding, protocolVersion })),
    capabilities: { streaming: manner === "streams" || manner === "endless", extensions: [{ uri: did }] },
    defaultInputModes: ["text/plain"],
    defaultOutputModes: ["text/plain"],
    skills: [{ id: "do", name: "Do it", description: describes.skill ?? "Does it.", tags: ["test"] }],
  });

function callOf({ method, path, body, headers }: Request): PeerServerCall {
  const { method: called, params } = (body ?? {}) as { method?: string; params?: Record<string, unknown> };
  const given = params ?? (body as Record<string, unknown> | undefined);
  const message = given?.["message"] as Record<string, unknown> | undefined;
  const parts = (message?.["parts"] ?? message?.["content"] ?? []) as { text?: string; data?: unknown }[];
  const version = headers["a2a-version"];
  return {
    method: called ?? `${method} ${path}`,
    messageId: textOf(message?.["messageId"]),
    taskId: textOf(message?.["taskId"] ?? params?.["id"] ?? params?.["taskId"] ?? params?.["task_id"]),
    contextId: textOf(message?.["contextId"]),
    referenceTaskIds: (message?.["referenceTaskIds"] ?? []) as string[],
    text: parts.map(({ text, data }) => text ?? (data === undefined ? "" : JSON.stringify(data))).join(""),
    metadata: (given?.["metadata"] ?? {}) as Record<string, unknown>,
    version: typeof version === "string" ? version : null,
    headers,
    atMs: Date.now(),
  };
}

const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

export type { PeerManner, PeerServerCall, PeerServerTask } from "./peer-manner.ts";
