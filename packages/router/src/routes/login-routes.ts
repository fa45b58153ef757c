import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

export const LOGIN_ROUTES = {
  /** Gives a credential that is good once, for a minute: it changes nothing that lasts. */
  "ticket.create": { kind: null, scope: "authenticated", tenant: "none", ...read, rateLimit: "write", rest: rest("POST", "/api/tickets") },

  "login.create": { kind: null, scope: "authenticated", tenant: "none", ...write, rest: rest("POST", "/api/session") },
  "login.get": { kind: null, scope: "authenticated", tenant: "none", ...read, rest: rest("GET", "/api/session") },
  "login.list": { kind: null, scope: "authenticated", tenant: "organization", ...read, rest: rest("GET", "/api/sessions") },
  "login.revoke": {
    kind: null,
    scope: "authenticated",
    tenant: "organization",
    ...write,
    rest: rest("DELETE", "/api/sessions/:sessionId"),
  },
} as const satisfies Record<string, RouteRow>;
