import type { RouteRow } from "./route-row.ts";
import { attach, operation, reading, rest, turn, turnStream } from "./row-parts.ts";

export const DASHBOARD_ROUTES = {
  "activity.follow": { kind: "subscription", scope: "rpc", tenant: "organization", ...attach, rest: rest("GET", "/api/events") },

  "dashboard.health": { ...operation, rest: rest("GET", "/api/health") },
  "dashboard.agents": { ...reading, rest: rest("GET", "/api/agents") },
  "dashboard.channels": { ...reading, rest: rest("GET", "/api/channels") },
  "dashboard.activity": { ...reading, rest: rest("GET", "/api/activity") },
  "dashboard.searchMemory": { ...reading, rest: rest("GET", "/api/memory/search") },
  "dashboard.memoryStats": { ...reading, rest: rest("GET", "/api/memory/stats") },
  "dashboard.history": { ...reading, rest: rest("GET", "/api/chat/history") },
  "dashboard.chat": { ...turn, kind: null, scope: "rpc", tenant: "agent", rest: rest("POST", "/api/chat") },
  "dashboard.chatStream": { ...turnStream, kind: null, scope: "rpc", tenant: "agent", rest: rest("POST", "/api/chat/stream") },
  /** For clients that can send nothing but an address; one that comes back with `Last-Event-ID` begins nothing. */
  "dashboard.chatStreamByQuery": { ...turnStream, kind: null, scope: "rpc", tenant: "agent", rest: rest("GET", "/api/chat/stream") },
} as const satisfies Record<string, RouteRow>;
