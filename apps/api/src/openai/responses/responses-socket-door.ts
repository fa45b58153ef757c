import { ERRORS } from "@parley/contracts";
import { authorize, routeRow } from "@parley/router";
import { WebSocketServer } from "ws";
import { toGatewayError } from "../../to-gateway-error.ts";
import type { SocketDoor } from "../../upgrades.ts";
import { openaiError, retryAfterOf } from "../send-error.ts";
import { type ResponsesDependencies, responsesDoor } from "./responses-routes.ts";
import { ResponsesSocket } from "./responses-socket.ts";

const STATUS: Record<number, string> = { 401: "Unauthorized", 403: "Forbidden", 429: "Too Many Requests", 503: "Service Unavailable" };

/** Responses over a WebSocket at `/v1/responses`. Who may not have any is refused before the handshake, with an HTTP status. */
export function createResponsesSocketDoor(dependencies: ResponsesDependencies): SocketDoor {
  const { log, limits, attachments, visitorOf } = dependencies;
  const door = responsesDoor(dependencies);
  const server = new WebSocketServer({ noServer: true, maxPayload: limits.modelBodyBytesMax, perMessageDeflate: false });

  return {
    path: "/v1/responses",
    upgrade(request, socket, head) {
      socket.on("error", () => socket.destroy());
      const visitor = visitorOf(request);
      authorize(visitor, { ...routeRow("responses.create"), rateLimit: "stream" }).then(
        (caller) => {
          if (socket.destroyed) return;
          server.handleUpgrade(request, socket, head, (client) => {
            client.on("error", () => {});
            const opened = new ResponsesSocket(door, { socket: client, visitor, caller });
            const forget = attachments.add(opened);
            client.once("close", forget);
          });
        },
        (error: unknown) => {
          const refusal = toGatewayError(error, log);
          const status = ERRORS[refusal.code].http;
          const body = JSON.stringify(openaiError(refusal));
          const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`;
          const retryAfter = retryAfterOf(refusal);
          const wait = retryAfter === null ? "" : `retry-after: ${retryAfter}\r\n`;
          socket.end(`HTTP/1.1 ${status} ${STATUS[status] ?? "Error"}\r\n${headers}${wait}\r\n${body}`);
        },
      );
    },
    close() {
      server.close();
    },
  };
}
