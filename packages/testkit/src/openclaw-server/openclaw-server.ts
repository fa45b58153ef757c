import { createHash, createPublicKey, randomUUID, verify } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { scripted } from "../peer-server/peer-executor.ts";
import { ChatSessions, type OpenclawRun } from "./chat-sessions.ts";
import type { OpenclawFault } from "./openclaw-fault.ts";

export interface OpenclawOptions {
  /** What must be shown; null: nothing. */
  token?: string | null;
  /** A device must sign the challenge. */
  pairs?: boolean;
  answer?: (message: string) => string;
  /** What goes wrong with a message, where nothing else does. */
  faultOf?: (message: string) => OpenclawFault | null;
}

export interface OpenclawFrame {
  method: string;
  params: Record<string, unknown>;
}

export interface OpenclawServer {
  url: string;
  host: string;
  fault: OpenclawFault | null;
  /** Every request, oldest first. */
  journal: OpenclawFrame[];
  asked(method: string): OpenclawFrame[];
  /** The keys of the runs that it has begun. */
  runs(): string[];
  /** The same with all that is known of them, oldest first. */
  journalOfRuns(): OpenclawRun[];
  aborted(): string[];
  /** Lets a slow answer go. */
  release(): void;
  /** Cuts every socket. */
  cut(): void;
  sockets(): number;
  close(): Promise<void>;
}

const TOKEN = "openclaw-token";
const PUBLIC_KEY_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** An OpenClaw gateway over a real WebSocket, version 4 of its protocol, that behaves as the test says and keeps a journal. */
export async function startOpenclawServer(options: OpenclawOptions = {}): Promise<OpenclawServer> {
  const { token = TOKEN, pairs = false, answer = (text) => `You said: ${text}`, faultOf = () => null } = options;
  const journal: OpenclawFrame[] = [];
  const sessions = new ChatSessions(answer, (event) => broadcast(event));
  let put = 0;
  const http = createServer((request, response) => {
    const isHealth = request.url === "/healthz";
    const isSick = server.fault === "sick";
    response.writeHead(isHealth && !isSick ? 200 : isHealth ? 503 : 404, { "content-type": "application/json" });
    response.end(isHealth ? JSON.stringify({ ok: !isSick, status: isSick ? "degraded" : "live" }) : "{}");
  });
  const sockets = new WebSocketServer({ server: http, maxPayload: 1_048_576 });
  const known = new Set<WebSocket>();
  const broadcast = (payload: object): void => {
    for (const socket of known) socket.send(JSON.stringify({ type: "event", event: "chat", payload, seq: 1 }));
  };

  sockets.on("connection", (socket) => {
    const nonce = randomUUID();
    const say = (frame: object): void => socket.send(JSON.stringify(frame));
    const refuse = (id: string, code: string, message: string, more: object = {}): void =>
      say({ type: "res", id, ok: false, error: { code, message, ...more } });
    if (server.fault === "garbage") socket.send("this is no frame");
    if (server.fault === "lies") say({ type: "res", id: "nobody-asked", ok: true, payload: {} });
    if (server.fault !== "silent") say({ type: "event", event: "connect.challenge", payload: { nonce, ts: Date.now() } });
    socket.on("close", () => known.delete(socket));
    socket.on("message", (data) => {
      const { id, method, params } = JSON.parse(String(data)) as { id: string; method: string; params: Record<string, unknown> };
      journal.push({ method, params });
      if (method === "connect") {
        if (server.fault === "starting" && put++ === 0) return refuse(id, "UNAVAILABLE", "starting", { retryable: true, retryAfterMs: 20 });
        const why = whyRefused(params, { nonce, token, pairs });
        if (why !== null) return refuse(id, why.code, why.message);
        known.add(socket);
        const protocol = server.fault === "old-protocol" ? 2 : 4;
        const policy = { maxPayload: 100_000, maxBufferedBytes: 1_000_000, tickIntervalMs: 30_000 };
        return say({ type: "res", id, ok: true, payload: { type: "hello-ok", protocol, server: {}, features: {}, snapshot: {}, policy } });
      }
      if (!known.has(socket)) return refuse(id, "INVALID_REQUEST", "connect first");
      const result = serve(method, params, socket);
      if ("code" in result) return refuse(id, result.code, "");
      const lateMs = scripted(String(params["message"] ?? ""), "late") ?? 0;
      const answerIt = (): void => {
        if (result.payload !== null && socket.readyState === socket.OPEN) say({ type: "res", id, ok: true, payload: result.payload });
      };
      if (lateMs === 0) answerIt();
      else setTimeout(answerIt, lateMs).unref();
    });
  });

  function serve(method: string, params: Record<string, unknown>, socket: WebSocket): { payload: unknown } | { code: string } {
    const sessionKey = String(params["sessionKey"] ?? "");
    switch (method) {
      case "chat.send": {
        const message = String(params["message"]);
        const fault = server.fault ?? faultOf(message);
        if (fault === "swallows") return { payload: null };
        if (fault === "refuses") return { code: "INVALID_REQUEST" };
        const run = sessions.send({ sessionKey, key: String(params["idempotencyKey"]), message }, fault);
        if (fault === "cut-before-taken") socket.terminate();
        if (fault === "cut-in-answer") setTimeout(() => socket.terminate(), 20);
        return { payload: run };
      }
      case "chat.history":
        return { payload: { sessionKey, messages: sessions.history(sessionKey) } };
      case "chat.abort":
        return { payload: { ok: true, aborted: sessions.abort(String(params["runId"])) } };
      case "sessions.list":
        return { payload: { count: sessions.names().length, sessions: sessions.names().map((key) => ({ key, updatedAt: Date.now() })) } };
      case "cron.list": {
        const schedule = { kind: "every", everyMs: 60_000 };
        const jobs = [{ id: "job-1", name: "Heartbeat", enabled: true, schedule, state: { nextRunAtMs: Date.now() + 60_000 } }];
        return server.fault === "no-cron" ? { code: "UNAVAILABLE" } : { payload: JSON.stringify({ jobs }) };
      }
      default:
        return { code: "INVALID_REQUEST" };
    }
  }

  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  const cut = (): void => {
    for (const socket of sockets.clients) socket.terminate();
  };
  const server: OpenclawServer = {
    ...{ url: `http://${host}`, host, fault: null, journal, cut },
    asked: (method) => journal.filter((frame) => frame.method === method),
    runs: () => sessions.runs().map(({ id }) => id),
    journalOfRuns: () => sessions.runs(),
    aborted: () => sessions.aborted(),
    release: () => sessions.release(),
    sockets: () => sockets.clients.size,
    async close() {
      cut();
      sessions.stop();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
  return server;
}

interface Door {
  nonce: string;
  token: string | null;
  pairs: boolean;
}

/** As its schema has it: an operator, of these names, with the token, and a signature over the challenge where devices are paired. */
function whyRefused(params: Record<string, unknown>, { nonce, token, pairs }: Door): { code: string; message: string } | null {
  const { minProtocol, maxProtocol, client, role, scopes, auth, device } = params as {
    [name: string]: never;
  } & { client: Record<string, string>; auth?: { token?: string }; device?: Record<string, string | number> };
  if (Number(minProtocol) > 4 || Number(maxProtocol) < 4) return { code: "INVALID_REQUEST", message: "protocol mismatch" };
  if (client["id"] !== "gateway-client" || client["mode"] !== "backend" || role !== "operator" || !Array.isArray(scopes))
    return { code: "INVALID_REQUEST", message: "invalid connect params" };
  if (token !== null && auth?.token !== token) return { code: "INVALID_REQUEST", message: "unauthorized: gateway token missing or wrong" };
  if (!pairs) return null;
  if (device === undefined || device["nonce"] !== nonce) return { code: "NOT_PAIRED", message: "device identity required" };
  const raw = Buffer.from(String(device["publicKey"]), "base64url");
  if (createHash("sha256").update(raw).digest("hex") !== device["id"]) return { code: "NOT_PAIRED", message: "device id mismatch" };
  const { id, signedAt } = device;
  const text = `v2|${id}|${client["id"]}|${client["mode"]}|operator|${(scopes as string[]).join(",")}|${signedAt}|${auth?.token ?? ""}|${nonce}`;
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_KEY_PREFIX, raw]), format: "der", type: "spki" });
  const isSigned = verify(null, Buffer.from(text), key, Buffer.from(String(device["signature"]), "base64url"));
  return isSigned ? null : { code: "NOT_PAIRED", message: "device signature invalid" };
}
