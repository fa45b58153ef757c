import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

export const AGENT_ROUTES = {
  "agent.create": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "agent.update": { kind: "mutation", scope: "agents:write", tenant: "agent", ...write },
  "agent.deploy": { kind: "mutation", scope: "agents:write", tenant: "agent", ...write },
  "agent.suspend": {
    kind: "mutation",
    scope: "agents:write",
    tenant: "agent",
    ...write,
    rest: rest("POST", "/v1/agents/:agentId/suspend"),
  },
  "agent.resume": {
    kind: "mutation",
    scope: "agents:write",
    tenant: "agent",
    ...write,
    rest: rest("POST", "/v1/agents/:agentId/resume"),
  },
  "agent.delete": { kind: "mutation", scope: "agents:write", tenant: "agent", ...write, rest: rest("DELETE", "/v1/agents/:agentId") },
  "agent.get": { kind: "query", scope: "agents:read", tenant: "agent", ...read },
  "agent.list": { kind: "query", scope: "agents:read", tenant: "organization", ...read },
} as const satisfies Record<string, RouteRow>;
