import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

export const HOOK_ROUTES = {
  "hook.create": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "hook.change": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "hook.rotate": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "hook.delete": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "hook.list": { kind: "query", scope: "admin", tenant: "organization", ...read, rateLimit: "admin" },
  "hook.receive": {
    kind: null,
    scope: "signature",
    tenant: "none",
    mutating: true,
    idempotency: "delivery",
    metering: "turn",
    rateLimit: "turn",
    rest: rest("POST", "/hooks/:hookId{/*path}", "/hooks{/*path}"),
  },

  "webhook.create": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "webhook.change": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "webhook.rotate": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "webhook.delete": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "webhook.replay": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "webhook.list": { kind: "query", scope: "admin", tenant: "organization", ...read, rateLimit: "admin" },
  "webhook.deliveries": { kind: "query", scope: "admin", tenant: "organization", ...read, rateLimit: "admin" },
} as const satisfies Record<string, RouteRow>;
