import type { Repeating, RouteRow } from "./routes/route-row.ts";

/** What must be known of a JSON-RPC method before a door may offer it: the same facts as of any other route. */
export type RpcRow = Pick<RouteRow, "scope" | "tenant" | "metering" | "rateLimit" | "attaches"> &
  Repeating & {
    /** It answers with notifications, which only a socket can bring. */
    socketOnly?: true;
    /** It is about the configuration file, which an installation may do without. */
    configFile?: true;
  };

const read = { mutating: false, idempotency: "natural", metering: "none", rateLimit: "read" } as const;
const write = { mutating: true, idempotency: "key", metering: "none", rateLimit: "write" } as const;
const turn = { ...write, metering: "turn", rateLimit: "turn" } as const;
const attach = { ...read, rateLimit: "stream", attaches: true, socketOnly: true } as const;

/** The scope that a refusal names comes first. Whoever may administer may do the ordinary things, too. */
const rpc = { scope: ["rpc", "admin"] } as const;
const admin = { scope: "admin" } as const;
const approver = { scope: "approvals" } as const;

/** The installation's own affairs: with the operator's secret beside the credential, whatever scopes that has. */
const operator = { scope: "admin_secret", tenant: "none", rateLimit: "admin", configFile: true } as const;

const reading = { ...read, tenant: "organization" } as const;
const writing = { ...write, tenant: "organization" } as const;
const ofConversation = { tenant: "conversation" } as const;

/** Every method of `/ws` and `/rpc`, by its name on the wire. What is not here is answered with -32601. */
export const RPC_METHODS = {
  "agent.execute": { ...rpc, ...turn, tenant: "agent", attaches: true },
  "agent.stream": { ...rpc, ...turn, tenant: "agent", attaches: true, socketOnly: true },

  "conversation.follow": { ...rpc, ...attach, ...ofConversation },
  "conversation.unfollow": { ...rpc, ...read, ...ofConversation, socketOnly: true },
  "conversation.state": { ...rpc, ...read, ...ofConversation },
  "conversation.stop": { ...rpc, ...write, ...ofConversation },
  "conversation.answer": { ...rpc, ...turn, ...ofConversation },

  "system.ping": { ...rpc, ...read, tenant: "none" },
  "system.methods": { ...rpc, ...read, tenant: "none" },
  "system.health": { ...rpc, ...read, tenant: "none" },
  "system.whoami": { scope: "authenticated", ...read, tenant: "none" },

  "agents.list": { ...admin, ...reading },
  "agents.get": { ...admin, ...read, tenant: "agent" },
  "agents.create": { ...admin, ...writing },
  "agents.update": { ...admin, ...write, tenant: "agent" },
  "agents.deploy": { ...admin, ...write, tenant: "agent" },
  "agents.suspend": { ...admin, ...write, tenant: "agent" },
  "agents.resume": { ...admin, ...write, tenant: "agent" },
  "agents.delete": { ...admin, ...write, tenant: "agent" },

  "session.list": { ...admin, ...reading },
  "session.history": { ...rpc, ...read, ...ofConversation },
  "session.search": { ...rpc, ...reading },
  "session.status": { ...rpc, ...read, ...ofConversation },
  "session.send": { ...rpc, ...turn, ...ofConversation, attaches: true },
  "session.spawn": { ...rpc, ...turn, tenant: "agent", attaches: true },
  "session.delete": { ...admin, ...write, ...ofConversation },
  "session.reset": { ...admin, ...write, ...ofConversation },
  "session.export": { ...admin, ...read, ...ofConversation },
  "session.compact": { ...admin, ...write, ...ofConversation },

  "memory.search": { ...rpc, ...reading },
  "memory.inspect": { ...rpc, ...reading },
  "memory.stats": { ...admin, ...reading },
  "memory.browse": { ...admin, ...reading },
  "memory.store": { ...admin, ...write, tenant: "agent" },
  "memory.delete": { ...admin, ...writing },
  "memory.flush": { ...admin, ...writing },
  "memory.export": { ...admin, ...reading },

  "admin.approval.pending": { ...approver, ...reading },
  "admin.approval.resolve": { ...approver, ...turn, ...ofConversation },

  "config.get": { ...read, ...operator },
  "config.read": { ...read, ...operator },
  "config.schema": { ...read, ...operator },
  "config.history": { ...read, ...operator },
  "config.diff": { ...read, ...operator },
  "config.patch": { ...write, ...operator },
  "config.rollback": { ...write, ...operator },

  "tokens.list": { ...admin, ...reading, rateLimit: "admin" },
  "tokens.create": { ...admin, ...writing, rateLimit: "admin" },
  "tokens.rotate": { ...admin, ...writing, rateLimit: "admin" },
  "tokens.revoke": { ...admin, ...writing, rateLimit: "admin" },

  "models.list": { ...admin, ...reading },
  "models.list_providers": { ...admin, ...reading },
  "models.test": { ...admin, ...write, tenant: "none", metering: "direct", rateLimit: "turn" },

  "subagent.list": { ...admin, ...reading },
  "subagent.kill": { ...admin, ...write, tenant: "execution" },
  "subagent.steer": { ...admin, ...turn, tenant: "execution" },

  "obs.billing.total": { ...admin, ...reading },
  "obs.billing.byProvider": { ...admin, ...reading },
  "obs.billing.byAgent": { ...admin, ...read, tenant: "agent" },
  "obs.billing.bySession": { ...admin, ...read, ...ofConversation },
  "obs.billing.usage24h": { ...admin, ...reading },
} as const satisfies Record<string, RpcRow>;

export type RpcMethodName = keyof typeof RPC_METHODS;

export const RPC_METHOD_NAMES = Object.keys(RPC_METHODS) as RpcMethodName[];

/** The row, with the members that only some rows have. */
export const rpcRow = (name: RpcMethodName): RpcRow => RPC_METHODS[name];
