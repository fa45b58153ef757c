import type { RouteRow } from "./route-row.ts";
import { rest, turnStream } from "./row-parts.ts";

export const PLAN_ROUTES = {
  /** With `Last-Event-ID` it only goes on with a stream. */
  "plan.run": { ...turnStream, kind: null, scope: "conversations:write", tenant: "organization", rest: rest("POST", "/plan") },
} as const satisfies Record<string, RouteRow>;
