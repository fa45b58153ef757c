import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

export const MEMORY_ROUTES = {
  "memory.list": {
    kind: "query",
    scope: "conversations:read",
    tenant: "organization",
    ...read,
    rest: rest("GET", "/v1/memories"),
  },
  "memory.store": { kind: "mutation", scope: "conversations:write", tenant: "agent", ...write },
  "memory.delete": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "organization",
    ...write,
    rest: rest("DELETE", "/v1/memories/:memoryId"),
  },
} as const satisfies Record<string, RouteRow>;
