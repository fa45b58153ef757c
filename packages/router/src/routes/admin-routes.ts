import type { RouteRow } from "./route-row.ts";
import { administration, read, rest, write } from "./row-parts.ts";

export const ADMIN_ROUTES = {
  "admin.createOrganization": { ...write, ...administration, tenant: "none", rest: rest("POST", "/admin/organizations") },
  "admin.createKey": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/api-keys") },
  "admin.listKeys": { ...read, ...administration, tenant: "organization", rest: rest("GET", "/admin/api-keys") },
  "admin.rotateKey": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/api-keys/:id/rotate") },
  "admin.revokeKey": { ...write, ...administration, tenant: "organization", rest: rest("DELETE", "/admin/api-keys/:id") },
} as const satisfies Record<string, RouteRow>;
