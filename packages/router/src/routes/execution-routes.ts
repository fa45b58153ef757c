import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

export const EXECUTION_ROUTES = {
  "execution.get": { kind: "query", scope: "conversations:read", tenant: "execution", ...read, rest: rest("GET", "/v1/tasks/:taskId") },
  "execution.list": {
    kind: "query",
    scope: "conversations:read",
    tenant: "organization",
    ...read,
    rest: rest("GET", "/v1/tasks", "/v1/agents/:agentId/tasks"),
  },
  "execution.thread": {
    kind: "query",
    scope: "conversations:read",
    tenant: "execution",
    ...read,
    rest: rest("GET", "/v1/tasks/:taskId/thread"),
  },
  "execution.fullThread": {
    kind: "query",
    scope: "conversations:read",
    tenant: "execution",
    ...read,
    rest: rest("GET", "/v1/tasks/:taskId/thread/full"),
  },
  "execution.stop": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "execution",
    ...write,
    rest: rest("POST", "/v1/tasks/:taskId/stop"),
  },
  "execution.delete": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "execution",
    ...write,
    rest: rest("DELETE", "/v1/tasks/:taskId"),
  },
} as const satisfies Record<string, RouteRow>;
