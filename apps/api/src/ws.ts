import { GatewayError } from "@parley/contracts";
import { appRouter, type Context, type Visitor } from "@parley/router";
import { applyWSSHandler, type Encoder } from "@trpc/server/adapters/ws";
import { type WebSocket, WebSocketServer } from "ws";
import { isDeeperThan } from "./json-depth.ts";
import { isKeepableJson, UNKEEPABLE } from "./keepable-text.ts";
import { atMost } from "./open-streams.ts";
import type { TrpcDependencies } from "./trpc/http.ts";
import type { SocketDoor } from "./upgrades.ts";

const PING_MS = 25_000;
const PONG_WAIT_MS = 10_000;
/** How long a connection may take to name a credential. One that is not good ends it at the next look of `Attachments`. */
const AUTHENTICATE_MS = 10_000;

/** Close codes: the second says that the credential is no longer good; a client comes back with a fresh one. */
const GOING_AWAY = 1001;
const UNAUTHENTICATED = 4401;

const jsonText = (jsonDepthMax: number): Encoder => ({
  encode: (data) => JSON.stringify(data),
  decode: (data) => {
    if (typeof data !== "string") throw new GatewayError("bad_request", { text: "Frames must be text." });
    const value: unknown = JSON.parse(data);
    if (isDeeperThan(value, jsonDepthMax)) throw new GatewayError("bad_request", { text: "The JSON is nested too deeply." });
    if (!isKeepableJson(data, value)) throw new GatewayError("bad_request", { text: UNKEEPABLE });
    return value;
  },
});

interface WebSocketDependencies extends TrpcDependencies {
  authenticateMs?: number;
}

/** tRPC over WebSocket. */
export function createWebSocketDoor(dependencies: WebSocketDependencies): SocketDoor {
  const { gateway, log, attachments, visitorOf, openStream, limits, authenticateMs = AUTHENTICATE_MS } = dependencies;
  const { subscriptionsPerSocketMax, socketBufferBytesMax, callsPerBatchMax, bodyBytesMax, jsonDepthMax } = limits;
  const server = new WebSocketServer({ noServer: true, maxPayload: bodyBytesMax, perMessageDeflate: false });

  function attach(socket: WebSocket, visitor: Visitor): void {
    const forget = attachments.add({
      get credential() {
        return visitor.credential;
      },
      beat: () => {
        if (socket.bufferedAmount > socketBufferBytesMax) socket.terminate();
      },
      refuse: ({ code }) => socket.close(code === "unauthenticated" ? UNAUTHENTICATED : GOING_AWAY),
    });
    socket.once("close", forget);
  }

  /** What lifts the deadline of each connection that has one. */
  const deadlines = new WeakMap<WebSocket, () => void>();

  function endUnlessAuthenticated(socket: WebSocket): void {
    const timer = setTimeout(() => socket.close(UNAUTHENTICATED), authenticateMs);
    const lift = (): void => clearTimeout(timer);
    deadlines.set(socket, lift);
    socket.once("close", lift);
  }

  // Before the handler's own listener, which may name the credential at once.
  server.on("connection", endUnlessAuthenticated);
  const handler = applyWSSHandler({
    wss: server,
    router: appRouter,
    maxBatchSize: callsPerBatchMax,
    keepAlive: { enabled: true, pingMs: PING_MS, pongWaitMs: PONG_WAIT_MS },
    experimental_encoder: jsonText(jsonDepthMax),
    createContext: async ({ req, res, info }): Promise<Context> => {
      // The first message names the key as `apiKey`; a client that can set headers may do that instead.
      const visitor = visitorOf(req, undefined, info.connectionParams?.apiKey);
      await visitor.redeem();
      attach(res, visitor);
      if (visitor.credential !== null) deadlines.get(res)?.();
      return { gateway, log, visitor, idempotencyHeader: null, openStream: atMost(subscriptionsPerSocketMax, openStream) };
    },
  });

  return {
    path: "/trpc",
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (client) => server.emit("connection", client, request));
    },
    close() {
      handler.broadcastReconnectNotification();
      server.close();
    },
  };
}
