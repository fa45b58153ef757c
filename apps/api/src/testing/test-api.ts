import { randomUUID } from "node:crypto";
import { LIMITS, type Limits } from "@parley/contracts";
import type { Administration, Log, Responses } from "@parley/domain";
import { createMessageWindow, createRateLimiter } from "@parley/identity";
import { createAttachments } from "../attachments.ts";
import { createHttp } from "../http.ts";
import { createOpenStreams } from "../open-streams.ts";
import type { OriginLists } from "../origins.ts";
import type { AnsweredRequest } from "../request-start.ts";
import { createRpcSocketDoor } from "../rpc/rpc-socket-door.ts";
import { listen } from "../server.ts";
import { createUpgrades } from "../upgrades.ts";
import { createVisitors } from "../visitors.ts";
import { createWebSocketDoor } from "../ws.ts";
import { createTestGateway, type TestGateway, testCaller } from "./test-gateway.ts";

/** A log that keeps what is worth a look. */
function createTestLog(): Log & { lines: { fields: Record<string, unknown>; message: string }[] } {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const keep = (fields: Record<string, unknown>, message: string) => void lines.push({ fields, message });
  const log = { lines, debug() {}, info() {}, warn: keep, error: keep, child: () => log };
  return log;
}

interface TestSettings {
  lookEveryMs?: number;
  gateway?: TestGateway;
  limits?: Partial<Limits>;
  authenticateMs?: number;
  origins?: Partial<OriginLists>;
  heartbeatMs?: number;
  administration?: Partial<Administration>;
  didDocument?: string | null;
}

/** The whole front door on a free port, before a gateway in memory. `key` is a key with every scope. */
export async function startTestApi(given: TestSettings = {}) {
  const { lookEveryMs = 50, gateway = createTestGateway(), authenticateMs, heartbeatMs = 30_000, didDocument = null, ...settings } = given;
  const administration = (settings.administration ?? {}) as Administration;
  const log = createTestLog();
  const limits = { ...LIMITS, ...settings.limits };
  const key = `key-${randomUUID()}`;
  gateway.callers.set(key, testCaller());
  const requests: AnsweredRequest[] = [];
  const connections = { open: 0 };
  const closing = new AbortController();
  const attachments = createAttachments({
    authenticate: (credential) => gateway.authenticate(credential),
    onCount: (open) => {
      connections.open = open;
    },
    lookEveryMs,
  });
  const open = { rest: 0, trpc: 0, websocket: 0 };
  const streams = createOpenStreams({
    perCallerMax: limits.streamsPerCallerMax,
    onOpen(door) {
      open[door as keyof typeof open]++;
      return () => open[door as keyof typeof open]--;
    },
  });
  const origins: OriginLists = { cors: [], sockets: [], ...settings.origins };
  const visitorOf = createVisitors({
    authentication: {
      authenticate: (credential) => gateway.authenticate(credential),
      knows: (credential) => gateway.callers.has(credential),
      ambientOf: () => null,
    },
    limiter: createRateLimiter({ client: null, prefix: "test" }),
    limits,
    trustedProxies: null,
    origins,
    tickets: { redeem: async () => null },
    queryTokens: false,
  });
  const trpc = { gateway, responses: {} as Responses, log, attachments, streams, limits, modelsPublic: false, visitorOf };
  const metrics = {
    render: async () => ({ contentType: "text/plain", body: "parley_up 1\n" }),
    httpRequest: (request: AnsweredRequest) => void requests.push(request),
  };
  const window = createMessageWindow({
    ...{ client: null, prefix: "test" },
    ...{ callsMax: limits.rpcCallsPerWindowMax, windowMs: limits.rpcWindowMs },
  });
  const rpc = { gateway, administration, log, limits, window, keeper: null, adminSecret: null };
  const app = createHttp({
    sold: {
      organizationId: null,
      soldAgentId: null,
      models: { text: "local/chat", speech: "local/tts", transcription: "local/stt" },
      custom: {},
      fetch,
    },
    ...trpc,
    rpc,
    metrics,
    sessionByHash: async () => null,
    tickets: { create: async () => "agt_test" },
    adminSecret: "operator-secret",
    origins,
    isTls: false,
    publicUrl: null,
    defaultHookId: null,
    defaultAgentId: null,
    didDocument,
    health: async () => ({ status: "ok" }),
    closing: closing.signal,
  });
  const sockets = createUpgrades(
    [
      createWebSocketDoor({
        ...trpc,
        ...(authenticateMs === undefined ? {} : { authenticateMs }),
        openStream: streams.through("websocket"),
      }),
      createRpcSocketDoor({ ...trpc, ...rpc, openStream: streams.through("websocket"), heartbeatMs }),
    ],
    origins,
  );
  const server = await listen({ app, upgrade: sockets.upgrade, host: "127.0.0.1", port: 0, connectionsMax: 1_000 });
  return {
    ...{ gateway, log, key, requests, connections, open, url: server.url },
    async close() {
      closing.abort();
      sockets.close();
      attachments.close();
      await server.close(500);
    },
  };
}

export type TestApi = Awaited<ReturnType<typeof startTestApi>>;
