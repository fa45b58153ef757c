import type { RouteRow } from "./route-row.ts";
import { read, write } from "./row-parts.ts";

export const AGENT_ROUTES = {
  "agent.create": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "agent.update": { kind: "mutation", scope: "agents:write", tenant: "agent", ...write },
  "agent.deploy": { kind: "mutation", scope: "agents:write", tenant: "agent", ...write },
  "agent.get": { kind: "query", scope: "agents:read", tenant: "agent", ...read },
  "agent.list": { kind: "query", scope: "agents:read", tenant: "organization", ...read },
} as const satisfies Record<string, RouteRow>;
