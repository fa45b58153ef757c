import type { IncomingMessage } from "node:http";
import { isGatewayError, MCP_SCOPE } from "@parley/contracts";
import type { OpenStream } from "@parley/router";
import { type WebSocket, WebSocketServer } from "ws";
import type { Attachments } from "../attachments.ts";
import { atMost } from "../open-streams.ts";
import { toGatewayError } from "../to-gateway-error.ts";
import type { SocketDoor } from "../upgrades.ts";
import type { VisitorOf } from "../visitors.ts";
import { isOperator } from "./is-operator.ts";
import { notification } from "./messages.ts";
import type { RpcDoor } from "./method.ts";
import { CLOSE, RpcSocket } from "./rpc-socket.ts";

export interface RpcSocketDependencies extends RpcDoor {
  attachments: Attachments;
  openStream: OpenStream;
  visitorOf: VisitorOf;
  heartbeatMs: number;
}

/** A message that is somewhat too large is still answered; one beyond this closes the socket. */
const SLACK = 4;

/** JSON-RPC over WebSocket at `/ws`. The credential is looked at behind the handshake, and a bad one is told by the close code. */
export function createRpcSocketDoor(dependencies: RpcSocketDependencies): SocketDoor {
  const { log, limits, attachments, openStream, visitorOf, heartbeatMs } = dependencies;
  const server = new WebSocketServer({ noServer: true, maxPayload: limits.bodyBytesMax * SLACK, perMessageDeflate: false });
  const open = new Set<RpcSocket>();
  let beating: NodeJS.Timeout | undefined;

  function changed(): void {
    if (open.size > 0) beating ??= setInterval(beat, heartbeatMs).unref();
    else {
      clearInterval(beating);
      beating = undefined;
    }
  }

  function beat(): void {
    const text = notification("heartbeat", { ts: Date.now() });
    for (const socket of open) void socket.send(text);
  }

  function attach(socket: WebSocket, opening: Omit<ConstructorParameters<typeof RpcSocket>[1], "socket" | "openStream">): void {
    const attached = new RpcSocket(dependencies, {
      ...{ socket, ...opening },
      openStream: atMost(limits.subscriptionsPerSocketMax, openStream),
    });
    open.add(attached);
    changed();
    socket.once("close", () => {
      open.delete(attached);
      changed();
      forget();
    });
    const forget = attachments.add(attached);
  }

  async function greet(socket: WebSocket, request: IncomingMessage): Promise<void> {
    socket.on("error", () => {});
    // What comes before it is known who sends it waits in the kernel.
    socket.pause();
    try {
      const visitor = visitorOf(request);
      const caller = await visitor.authenticate({ mutating: false, attaches: true });
      await visitor.count("stream", caller);
      if (caller.scopes.has(MCP_SCOPE)) return socket.close(CLOSE.forbidden, "Forbidden");
      attach(socket, { visitor, caller, isOperator: await isOperator(dependencies, request, visitor) });
    } catch (error) {
      if (isGatewayError(error, "unauthenticated")) return socket.close(CLOSE.unauthorized, "Unauthorized");
      // What is a failure of ours stands in the log by this.
      toGatewayError(error, log);
      socket.close(CLOSE.tryAgain, "Try again later");
    } finally {
      socket.resume();
    }
  }

  return {
    path: "/ws",
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (client) => void greet(client, request));
    },
    close() {
      server.close();
    },
  };
}
