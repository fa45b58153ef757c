import { type Client, createClient } from "@parley/client";
import {
  type OpenclawServer,
  type PeerServer,
  type System,
  type SystemOptions,
  startOpenclawServer,
  startPeerServer,
  startSystem,
  startTcpSwitch,
  type TcpSwitch,
} from "@parley/testkit";
import postgres from "postgres";
import { openSlot, type Slot } from "../../../chaos/arena/open-slot.ts";
import { SCRIPTED_CLAW } from "../../../chaos/arena/scripted-claw.ts";
import { scriptedReply } from "../../../chaos/arena/scripted-reply.ts";
import { scriptedTool } from "../../../chaos/arena/scripted-tool.ts";
import { type Caller, createCaller } from "../../../chaos/trial/caller.ts";

/** A running system with the agents of the chaos trials, whose model does what it is told, and clients that come back after a cut. */
export interface Stage {
  system: System;
  slot: Slot;
  peer: PeerServer;
  claw: OpenclawServer;
  /** As the owner, who sees everything. */
  sql: postgres.Sql;
  /** Asks again until there is an answer, where a call may be made twice. */
  caller: Caller;
  /** Each new connection goes to the next api. */
  balancer: TcpSwitch;
  clients: Record<"sse" | "websocket", Client>;
  close(): Promise<void>;
}

export async function openStage(options: SystemOptions): Promise<Stage> {
  await using opened = new AsyncDisposableStack();
  const peer = await startPeerServer({ manner: "scripted" });
  opened.defer(() => peer.close());
  const claw = await startOpenclawServer(SCRIPTED_CLAW);
  opened.defer(() => claw.close());
  const system = await startSystem({ ...options, allow: [...(options.allow ?? []), peer.host, claw.host] });
  opened.defer(() => system.close());
  system.model.otherwise(scriptedReply());
  system.tools.otherwise(scriptedTool);
  const sql = postgres(system.ownerUrl, { max: 4, onnotice: () => undefined });
  opened.defer(() => sql.end());
  const { adminSecret, apis } = system;
  const slot = await openSlot({
    ...{ url: apis[0]?.url ?? "", adminSecret, name: "crowd" },
    ...{ toolUrl: system.tools.url, peerUrl: peer.url, clawUrl: claw.url },
  });
  // A process that is started again has another address.
  const { apiKey } = slot;
  const balancer = await startTcpSwitch(apis);
  opened.defer(() => balancer.close());
  const clients = {
    sse: createClient({ url: balancer.url, apiKey, transport: "sse" }),
    websocket: createClient({ url: balancer.url, apiKey, transport: "websocket" }),
  };
  for (const client of Object.values(clients)) opened.defer(() => client.close());
  const caller = createCaller(
    apis.map((api) => ({
      get url() {
        return api.url;
      },
      isUp: () => !api.process.hasExited(),
    })),
    apiKey,
  );
  const close = opened.move();
  return { system, peer, claw, slot, sql, caller, balancer, clients, close: () => close.disposeAsync() };
}
