import type { RestRoute } from "./route-row.ts";

export const rest = (method: RestRoute["method"], ...paths: string[]): RestRoute[] => paths.map((path) => ({ method, path }));

/** A conversation's route under both generations' prefixes. */
export const onConversation = (method: RestRoute["method"], tail = ""): RestRoute[] =>
  rest(
    method,
    `/v1/agents/:agentId/gateway/conversations/:conversationId${tail}`,
    `/v1/agents/:agentId/conversations/:conversationId${tail}`,
  );

/** Running a turn: both generations, and the one-shot route of the same body. */
export const onInvoke = (tail = ""): RestRoute[] =>
  rest(
    "POST",
    `/v1/agents/:agentId/gateway/invoke${tail}`,
    `/v1/agents/:agentId/conversations/invoke${tail}`,
    `/v1/agents/:agentId/invoke${tail}`,
  );

export const read = { mutating: false, idempotency: "natural", metering: "none", rateLimit: "read" } as const;
export const write = { mutating: true, idempotency: "key", metering: "none", rateLimit: "write" } as const;
export const turn = { ...write, metering: "turn", rateLimit: "turn" } as const;
export const direct = { ...write, kind: null, scope: ["api", "rpc"], metering: "direct", rateLimit: "turn" } as const;
/** Responses and conversations of items. */
export const readItems = { ...read, kind: null, scope: ["api", "rpc"], tenant: "organization" } as const;
export const writeItems = { ...write, kind: null, scope: ["api", "rpc"], tenant: "organization" } as const;
export const attach = { ...read, rateLimit: "stream", attaches: true } as const;
export const turnStream = { ...turn, attaches: true } as const;
/** What the dashboard shows of the caller's organization. */
export const reading = { ...read, kind: null, scope: "rpc", tenant: "organization" } as const;
export const operation = {
  kind: null,
  scope: "public",
  tenant: "none",
  mutating: false,
  idempotency: "natural",
  metering: "none",
  rateLimit: "none",
} as const;
export const administration = { kind: null, scope: "admin_secret", rateLimit: "admin" } as const;
