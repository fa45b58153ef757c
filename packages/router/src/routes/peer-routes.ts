import type { RouteRow } from "./route-row.ts";
import { read, write } from "./row-parts.ts";

export const PEER_ROUTES = {
  "peer.create": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "peer.update": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "peer.delete": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "peer.get": { kind: "query", scope: "agents:read", tenant: "organization", ...read },
  "peer.list": { kind: "query", scope: "agents:read", tenant: "organization", ...read },
} as const satisfies Record<string, RouteRow>;
