import type { RateBucket, Scope } from "@parley/contracts";

type Kind = "query" | "mutation" | "subscription";
type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** One route of the plain HTTP doors; parameters as Express writes them. */
export interface RestRoute {
  method: Method;
  path: string;
}

interface RouteFacts {
  /** The tRPC procedure's kind; null where only plain HTTP offers the route. */
  kind: Kind | null;
  /** A list: any one of them. `authenticated`: any valid credential. `admin_secret`: the operator's own secret, no organization's key. `signature`: that of what is delivered. */
  scope: Scope | readonly Scope[] | "authenticated" | "public" | "admin_secret" | "signature";
  /** The thing named by the caller that must belong to their organization, and to an agent their key may use. */
  tenant: "agent" | "conversation" | "execution" | "organization" | "none";
  /** `turn`: it may start model calls, which are metered. `direct`: it is one, or a turn, as the model that it names says. */
  metering: "turn" | "direct" | "none";
  /** The bucket that the route's calls count against. */
  rateLimit: RateBucket | "none";
  /** It follows a conversation for as long as it is open; one connection may hold many such, so they are counted by caller. */
  attaches?: true;
  /** A `GET` that may be let in by `?ticket=`, because who asks for it can set no header; what attaches may in any case. */
  takesTicket?: true;
  rest?: readonly RestRoute[];
}

/**
 * Whatever changes something takes an idempotency key: repeated under one key, a call gets the first answer. What comes by a webhook is told
 * by the name that its sender gave the delivery.
 */
export type Repeating = { mutating: true; idempotency: "key" | "delivery" } | { mutating: false; idempotency: "natural" };

/** What must be known of a route before any door may offer it. */
export type RouteRow = RouteFacts & Repeating;

const rest = (method: Method, ...paths: string[]): RestRoute[] => paths.map((path) => ({ method, path }));

/** A conversation's route under both generations' prefixes. */
const onConversation = (method: Method, tail = ""): RestRoute[] =>
  rest(
    method,
    `/v1/agents/:agentId/gateway/conversations/:conversationId${tail}`,
    `/v1/agents/:agentId/conversations/:conversationId${tail}`,
  );

/** Running a turn: both generations, and the one-shot route of the same body. */
const onInvoke = (tail = ""): RestRoute[] =>
  rest(
    "POST",
    `/v1/agents/:agentId/gateway/invoke${tail}`,
    `/v1/agents/:agentId/conversations/invoke${tail}`,
    `/v1/agents/:agentId/invoke${tail}`,
  );

const read = { mutating: false, idempotency: "natural", metering: "none", rateLimit: "read" } as const;
const write = { mutating: true, idempotency: "key", metering: "none", rateLimit: "write" } as const;
const turn = { ...write, metering: "turn", rateLimit: "turn" } as const;
const direct = { ...write, kind: null, scope: ["api", "rpc"], metering: "direct", rateLimit: "turn" } as const;
/** Responses and conversations of items. */
const readItems = { ...read, kind: null, scope: ["api", "rpc"], tenant: "organization" } as const;
const writeItems = { ...write, kind: null, scope: ["api", "rpc"], tenant: "organization" } as const;
const attach = { ...read, rateLimit: "stream", attaches: true } as const;
const turnStream = { ...turn, attaches: true } as const;
/** What the dashboard shows of the caller's organization. */
const reading = { ...read, kind: null, scope: "rpc", tenant: "organization" } as const;
const operation = {
  kind: null,
  scope: "public",
  tenant: "none",
  mutating: false,
  idempotency: "natural",
  metering: "none",
  rateLimit: "none",
} as const;
const administration = { kind: null, scope: "admin_secret", rateLimit: "admin" } as const;

/** Every route of every door. Procedures are made from these rows; the other doors read them. */
export const ROUTES = {
  "turn.submit": { kind: "mutation", scope: "conversations:write", tenant: "agent", ...turn, rest: onConversation("POST", "/messages") },
  "turn.stream": { kind: "subscription", scope: "conversations:write", tenant: "agent", ...turnStream, rest: onInvoke("/stream") },
  "turn.invoke": { kind: null, scope: "conversations:write", tenant: "agent", ...turn, rest: onInvoke() },
  "turn.invokeAsync": {
    kind: null,
    scope: "conversations:write",
    tenant: "agent",
    ...turn,
    rest: rest("POST", "/v1/agents/:agentId/invoke/async"),
  },
  "turn.edit": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "conversation",
    ...turn,
    rest: onConversation("POST", "/edit/:messageId"),
  },
  "turn.editStream": {
    kind: "subscription",
    scope: "conversations:write",
    tenant: "conversation",
    ...turnStream,
    rest: onConversation("POST", "/edit/:messageId/stream"),
  },
  "turn.follow": {
    kind: "subscription",
    scope: "conversations:read",
    tenant: "conversation",
    ...attach,
    rest: onConversation("GET", "/events"),
  },
  "turn.await": { kind: "query", scope: "conversations:read", tenant: "conversation", ...attach },

  "conversation.get": { kind: "query", scope: "conversations:read", tenant: "conversation", ...read, rest: onConversation("GET") },
  "conversation.branches": { kind: "query", scope: "conversations:read", tenant: "conversation", ...read },
  "conversation.runState": {
    kind: "query",
    scope: "conversations:read",
    tenant: "conversation",
    ...read,
    rest: onConversation("GET", "/run-state"),
  },
  "conversation.message": {
    kind: "query",
    scope: "conversations:read",
    tenant: "conversation",
    ...read,
    rest: onConversation("GET", "/messages/:messageId"),
  },
  "conversation.stop": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "conversation",
    ...write,
    rest: onConversation("POST", "/stop"),
  },
  "conversation.cancelMessage": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "conversation",
    ...write,
    rest: onConversation("DELETE", "/queue/:messageId"),
  },
  "conversation.changeMessage": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "conversation",
    ...write,
    rest: onConversation("PATCH", "/queue/:messageId"),
  },
  "conversation.clearQueue": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "conversation",
    ...write,
    rest: onConversation("DELETE", "/queue"),
  },
  "conversation.drain": { kind: "mutation", scope: "conversations:write", tenant: "conversation", ...turn },
  "conversation.drainStream": {
    kind: "subscription",
    scope: "conversations:write",
    tenant: "conversation",
    ...turnStream,
    rest: onConversation("POST", "/drain/stream"),
  },

  "card.get": { kind: "query", scope: "conversations:read", tenant: "conversation", ...read },
  "card.answer": { kind: "mutation", scope: "conversations:write", tenant: "conversation", ...turn },
  "card.answerStream": {
    kind: "subscription",
    scope: "conversations:write",
    tenant: "conversation",
    ...turnStream,
    rest: onConversation("POST", "/answers"),
  },
  "card.decide": { kind: "mutation", scope: "approvals", tenant: "conversation", ...turn },
  "card.decideStream": {
    kind: "subscription",
    scope: "approvals",
    tenant: "conversation",
    ...turnStream,
    rest: onConversation("POST", "/approvals/:cardId"),
  },

  "execution.get": { kind: "query", scope: "conversations:read", tenant: "execution", ...read, rest: rest("GET", "/v1/tasks/:taskId") },
  "execution.list": {
    kind: "query",
    scope: "conversations:read",
    tenant: "organization",
    ...read,
    rest: rest("GET", "/v1/tasks", "/v1/agents/:agentId/tasks"),
  },
  "execution.thread": {
    kind: "query",
    scope: "conversations:read",
    tenant: "execution",
    ...read,
    rest: rest("GET", "/v1/tasks/:taskId/thread"),
  },
  "execution.fullThread": {
    kind: "query",
    scope: "conversations:read",
    tenant: "execution",
    ...read,
    rest: rest("GET", "/v1/tasks/:taskId/thread/full"),
  },
  "execution.stop": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "execution",
    ...write,
    rest: rest("POST", "/v1/tasks/:taskId/stop"),
  },
  "execution.delete": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "execution",
    ...write,
    rest: rest("DELETE", "/v1/tasks/:taskId"),
  },

  "agent.create": { kind: "mutation", scope: "agents:write", tenant: "organization", ...write },
  "agent.update": { kind: "mutation", scope: "agents:write", tenant: "agent", ...write },
  "agent.deploy": { kind: "mutation", scope: "agents:write", tenant: "agent", ...write },
  "agent.get": { kind: "query", scope: "agents:read", tenant: "agent", ...read },
  "agent.list": { kind: "query", scope: "agents:read", tenant: "organization", ...read },

  "memory.list": {
    kind: "query",
    scope: "conversations:read",
    tenant: "organization",
    ...read,
    rest: rest("GET", "/v1/memories"),
  },
  "memory.delete": {
    kind: "mutation",
    scope: "conversations:write",
    tenant: "organization",
    ...write,
    rest: rest("DELETE", "/v1/memories/:memoryId"),
  },

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

  "key.create": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "key.list": { kind: "query", scope: "admin", tenant: "organization", ...read, rateLimit: "admin" },
  "key.rotate": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },
  "key.revoke": { kind: "mutation", scope: "admin", tenant: "organization", ...write, rateLimit: "admin" },

  "openai.chat": { ...direct, tenant: "agent", rest: rest("POST", "/v1/chat/completions") },
  "openai.embeddings": { ...direct, tenant: "none", rest: rest("POST", "/v1/embeddings") },
  "openai.speech": { ...direct, tenant: "none", rest: rest("POST", "/v1/audio/speech") },
  "openai.transcriptions": { ...direct, tenant: "none", rest: rest("POST", "/v1/audio/transcriptions") },
  "openai.models": {
    kind: null,
    scope: ["api", "rpc"],
    tenant: "agent",
    ...read,
    rest: rest("GET", "/v1/models", "/v1/models/*id"),
  },
  "responses.create": { ...direct, tenant: "agent", rest: rest("POST", "/v1/responses") },
  "responses.compact": { ...direct, tenant: "none", rest: rest("POST", "/v1/responses/compact") },
  "responses.countInput": { ...readItems, rest: rest("POST", "/v1/responses/input_tokens") },
  "responses.get": { ...readItems, rest: rest("GET", "/v1/responses/:responseId") },
  "responses.inputItems": { ...readItems, rest: rest("GET", "/v1/responses/:responseId/input_items") },
  "responses.cancel": { ...writeItems, rest: rest("POST", "/v1/responses/:responseId/cancel") },
  "responses.delete": { ...writeItems, rest: rest("DELETE", "/v1/responses/:responseId") },
  "responses.makeConversation": { ...writeItems, rest: rest("POST", "/v1/conversations") },
  "responses.getConversation": { ...readItems, rest: rest("GET", "/v1/conversations/:itemsId") },
  "responses.updateConversation": { ...writeItems, rest: rest("POST", "/v1/conversations/:itemsId") },
  "responses.deleteConversation": { ...writeItems, rest: rest("DELETE", "/v1/conversations/:itemsId") },
  "responses.addItems": { ...writeItems, rest: rest("POST", "/v1/conversations/:itemsId/items") },
  "responses.listItems": { ...readItems, rest: rest("GET", "/v1/conversations/:itemsId/items") },
  "responses.getItem": { ...readItems, rest: rest("GET", "/v1/conversations/:itemsId/items/:itemId") },
  "responses.deleteItem": { ...writeItems, rest: rest("DELETE", "/v1/conversations/:itemsId/items/:itemId") },
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

  "system.whoami": { kind: "query", scope: "authenticated", tenant: "none", ...read },
  "system.health": { ...operation, kind: "query" },

  "operations.home": { ...operation, rateLimit: "anonymous", rest: rest("GET", "/") },
  "operations.health": { ...operation, rest: rest("GET", "/health", "/healthz") },
  "operations.ready": { ...operation, rest: rest("GET", "/ready") },
  "operations.metrics": { ...operation, rest: rest("GET", "/metrics") },
  "operations.openapi": { ...operation, rateLimit: "anonymous", rest: rest("GET", "/openapi.json") },
  "operations.docs": { ...operation, rateLimit: "anonymous", rest: rest("GET", "/docs") },

  /** Any number of methods, each with a row of its own in `RPC_METHODS`. `/ws` is the same over a socket. */
  "rpc.call": { ...read, kind: null, scope: "authenticated", tenant: "none", rest: rest("POST", "/rpc") },

  /** Each tool has a row of its own in `MCP_TOOL_ROWS`. */
  "mcp.call": { ...read, kind: null, scope: "mcp-client", tenant: "none", rest: rest("POST", "/mcp/v1") },

  "admin.createOrganization": { ...write, ...administration, tenant: "none", rest: rest("POST", "/admin/organizations") },
  "admin.createKey": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/api-keys") },
  "admin.listKeys": { ...read, ...administration, tenant: "organization", rest: rest("GET", "/admin/api-keys") },
  "admin.rotateKey": { ...write, ...administration, tenant: "organization", rest: rest("POST", "/admin/api-keys/:id/rotate") },
  "admin.revokeKey": { ...write, ...administration, tenant: "organization", rest: rest("DELETE", "/admin/api-keys/:id") },
} as const satisfies Record<string, RouteRow>;

export type RouteName = keyof typeof ROUTES;

/** The routes that are procedures of this kind. */
export type ProcedureName<Of extends Kind = Kind> = {
  [Name in RouteName]: (typeof ROUTES)[Name]["kind"] extends Of ? Name : never;
}[RouteName];

/** The procedures of one namespace, by their own names. A router must have exactly these. */
export type ProceduresOf<Namespace extends string> = {
  [Name in ProcedureName as Name extends `${Namespace}.${infer Own}` ? Own : never]: unknown;
};

/** The row, with the members that only some rows have. */
export const routeRow = (name: RouteName): RouteRow => ROUTES[name];
