import type { RouteRow } from "./route-row.ts";
import { read, rest, turn } from "./row-parts.ts";

/** A chat with an agent, answered at once or as a job, and how the gateway behind it is. */
export const GATEWAY_CHAT_ROUTES = {
  "gatewayChat.send": {
    ...turn,
    kind: null,
    scope: ["conversations:write", "rpc"],
    tenant: "agent",
    rest: rest("POST", "/api/gateway/chat"),
  },
  "gatewayChat.job": {
    ...read,
    kind: null,
    scope: ["conversations:read", "rpc"],
    tenant: "execution",
    rest: rest("GET", "/api/jobs/:jobId"),
  },
  "gatewayChat.status": { ...read, kind: null, scope: ["agents:read", "rpc"], tenant: "agent", rest: rest("GET", "/api/gateway/status") },
} as const satisfies Record<string, RouteRow>;
