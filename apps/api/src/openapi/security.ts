import type { RouteRow } from "@parley/router";
import type { Json } from "./json-schema.ts";

export const SECURITY_SCHEMES = {
  apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
  bearer: { type: "http", scheme: "bearer", description: "A key, as a bearer token." },
  session: {
    type: "apiKey",
    in: "cookie",
    name: "parley_session",
    description: "A browser's; what changes something needs its CSRF token besides.",
  },
  ticket: { type: "apiKey", in: "query", name: "ticket", description: "Good once, for a minute." },
  adminSecret: { type: "apiKey", in: "header", name: "x-admin-secret" },
} as const;

/** Ways in, any one of them, each with the scopes that it needs. */
export function securityOf({ scope, attaches, takesTicket, mutating }: RouteRow): Json[] {
  // What is delivered bears its signature in a header of its own, which no scheme has a name for.
  if (scope === "public" || scope === "signature") return [];
  if (scope === "payment") return [{}, { apiKey: [] }, { bearer: [] }];
  if (scope === "admin_secret") return [{ adminSecret: [] }];
  const ways = ["apiKey", "bearer", "session", ...((attaches || takesTicket) && !mutating ? ["ticket"] : [])];
  const needed = scope === "authenticated" ? [[]] : [scope].flat().map((one) => [one]);
  return needed.flatMap((scopes) => ways.map((way) => ({ [way]: scopes })));
}
