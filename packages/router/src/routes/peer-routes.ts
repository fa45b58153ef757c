import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

export const PEER_ROUTES = {
  "peer.create": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "peer.update": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "peer.delete": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "peer.get": { kind: "query", scope: "agents:read", tenant: "organization", ...read },
  "peer.push": {
    kind: null,
    scope: "signature",
    tenant: "none",
    ...read,
    rest: rest("POST", "/peers/push/:callId"),
  },
  "peer.list": { kind: "query", scope: "agents:read", tenant: "organization", ...read },
} as const satisfies Record<string, RouteRow>;
