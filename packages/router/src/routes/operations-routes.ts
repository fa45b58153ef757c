import type { RouteRow } from "./route-row.ts";
import { operation, read, rest } from "./row-parts.ts";

export const OPERATIONS_ROUTES = {
  "system.whoami": { kind: "query", scope: "authenticated", tenant: "none", ...read },
  "system.health": { ...operation, kind: "query" },

  "operations.home": { ...operation, rateLimit: "anonymous", rest: rest("GET", "/") },
  "operations.health": { ...operation, rest: rest("GET", "/health", "/healthz") },
  "operations.ready": { ...operation, rest: rest("GET", "/ready") },
  "operations.metrics": { ...operation, rest: rest("GET", "/metrics") },
  "operations.openapi": { ...operation, rateLimit: "anonymous", rest: rest("GET", "/openapi.json") },
  "operations.did": { ...operation, rateLimit: "anonymous", rest: rest("GET", "/.well-known/did.json") },
  "operations.docs": { ...operation, rateLimit: "anonymous", rest: rest("GET", "/docs") },

  /** Any number of methods, each with a row of its own in `RPC_METHODS`. `/ws` is the same over a socket. */
  "rpc.call": { ...read, kind: null, scope: "authenticated", tenant: "none", rest: rest("POST", "/rpc") },

  /** Each tool has a row of its own in `MCP_TOOL_ROWS`. */
  "mcp.call": { ...read, kind: null, scope: "mcp-client", tenant: "none", rest: rest("POST", "/mcp/v1") },
} as const satisfies Record<string, RouteRow>;
