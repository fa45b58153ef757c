import type { RouteRow } from "./route-row.ts";
import { read, rest, write } from "./row-parts.ts";

export const MEDIA_ROUTES = {
  "media.upload": { kind: null, scope: ["rpc", "conversations:write"], tenant: "organization", ...write, rest: rest("POST", "/media") },
  "media.get": {
    kind: null,
    scope: ["rpc", "conversations:read"],
    tenant: "organization",
    ...read,
    takesTicket: true,
    rest: rest("GET", "/media/:mediaId"),
  },
  "media.meta": {
    kind: null,
    scope: ["rpc", "conversations:read"],
    tenant: "organization",
    ...read,
    takesTicket: true,
    rest: rest("GET", "/media/:mediaId/meta"),
  },
  "media.delete": {
    kind: null,
    scope: ["rpc", "conversations:write"],
    tenant: "organization",
    ...write,
    rest: rest("DELETE", "/media/:mediaId"),
  },
} as const satisfies Record<string, RouteRow>;
