/** What a request calls itself; null where it could not be read. */
export type RpcId = string | number | null;

/** JSON-RPC's own codes, and the first of the range that it leaves to servers. */
export const CODES = {
  parse: -32700,
  invalidRequest: -32600,
  noMethod: -32601,
  badParams: -32602,
  internal: -32603,
  limit: -32000,
} as const;

export interface RpcFailure {
  code: (typeof CODES)[keyof typeof CODES];
  message: string;
  data?: object;
}

export interface RpcRequest {
  /** Absent: a notification, which is never answered. */
  id?: RpcId;
  method: string;
  params?: unknown;
}

export type RpcReply = { jsonrpc: "2.0"; id: RpcId; result: object } | { jsonrpc: "2.0"; id: RpcId; error: RpcFailure };

export const failed = (id: RpcId, error: RpcFailure): RpcReply => ({ jsonrpc: "2.0", error, id });

export const notification = (method: string, params: object): string => JSON.stringify({ jsonrpc: "2.0", method, params });

const isId = (id: unknown): id is RpcId => typeof id === "string" || typeof id === "number" || id === null;

/** A request, or whom to tell that it is none. */
export function readRequest(value: unknown): RpcRequest | { invalid: RpcId } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { invalid: null };
  const { jsonrpc, id, method, params } = value as Record<string, unknown>;
  if (id !== undefined && !isId(id)) return { invalid: null };
  if (jsonrpc !== "2.0" || typeof method !== "string") return { invalid: id ?? null };
  return { ...(id !== undefined && { id }), method, params };
}
