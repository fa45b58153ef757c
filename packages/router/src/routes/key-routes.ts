import type { RouteRow } from "./route-row.ts";
import { read, write } from "./row-parts.ts";

export const KEY_ROUTES = {
  "key.create": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "key.list": { kind: "query", scope: "admin", tenant: "organization", ...read, rateLimit: "admin" },
  "key.rotate": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "key.revoke": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
} as const satisfies Record<string, RouteRow>;
