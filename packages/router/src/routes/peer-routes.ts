import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

const changing = { kind: "mutation", scope: "agents:write", tenant: "organization", ...write } as const;
const reading = { kind: "query", scope: "agents:read", tenant: "organization", ...read } as const;

export const PEER_ROUTES = {
  "peer.create": { ...changing, rest: rest("POST", "/v1/peers") },
  "peer.update": { ...changing, rest: rest("PATCH", "/v1/peers/:peerId") },
  "peer.delete": { ...changing, rest: rest("DELETE", "/v1/peers/:peerId") },
  "peer.get": { ...reading, rest: rest("GET", "/v1/peers/:peerId") },
  "peer.list": { ...reading, rest: rest("GET", "/v1/peers") },
  "peer.push": {
    kind: null,
    scope: "signature",
    tenant: "none",
    ...read,
    rest: rest("POST", "/peers/push/:callId"),
  },
} as const satisfies Record<string, RouteRow>;
