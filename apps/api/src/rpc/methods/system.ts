import { RPC_METHOD_NAMES, type RpcRow, rpcRow } from "@parley/router";
import { type MethodsOf, method } from "../method.ts";

export const system = {
  "system.ping": method({}, () => ({ pong: true, ts: Date.now() })),

  /** What this connection can call. */
  "system.methods": method({}, ({ peer, keeper }) => {
    const isServed = ({ socketOnly, configFile }: RpcRow) => !(socketOnly && peer.notifier === null) && !(configFile && keeper === null);
    return { methods: RPC_METHOD_NAMES.filter((name) => isServed(rpcRow(name))) };
  }),

  "system.health": method({}, async ({ gateway }) => {
    const parts = await gateway.checkReady();
    return { status: Object.values(parts).every(Boolean) ? "ok" : "degraded", parts, timestamp: new Date().toISOString() };
  }),

  "system.whoami": method({}, ({ caller }) => ({
    clientId: caller.principalId,
    organizationId: caller.organizationId,
    scopes: [...caller.scopes],
    agentIds: caller.agentIds && [...caller.agentIds],
  })),
} satisfies MethodsOf<"system">;
