import type { Agent, GatewayStatus, SessionSummary, StatusSession } from "@parley/contracts";
import { STATUS_LIST_MAX } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { calledPeer } from "./called-peer.ts";
import { openTarget } from "./open-target.ts";

/** So long after its last change a session counts as active. */
const ACTIVE_MS = 3_600_000;

/** How the gateway behind a chat's agent is: an OpenClaw gateway where it hands on to one, else this one. Only the signal's reason is thrown, and `not_found`. */
export async function readGatewayStatus(
  context: GatewayContext,
  caller: Caller,
  { agent, signal }: { agent: Agent | null; signal: AbortSignal },
): Promise<GatewayStatus> {
  const { relayTo } = agent?.config ?? {};
  const [peer] = relayTo === undefined ? [] : await context.peers.find(caller.organizationId, [relayTo]);
  if (peer?.protocol !== "openclaw") return ownStatus(context, caller);
  const { organizationId, id: peerRef, sealed } = peer;
  return context.gatewayProbe.status(openTarget(context, { organizationId, peerRef, target: calledPeer(peer), sealed }), signal);
}

async function ownStatus(context: GatewayContext, caller: Caller): Promise<GatewayStatus> {
  const [healthDetail, sessions] = await Promise.all([health(context), ownSessions(context, caller)]);
  const cron = { available: false, total: 0, enabled: 0, jobs: [], error: "This gateway begins nothing by the clock." };
  return { health: healthDetail.ok ? "healthy" : "unreachable", healthDetail, sessions, cron };
}

async function health({ checkReady }: GatewayContext): Promise<GatewayStatus["healthDetail"]> {
  const { postgres, redis } = await checkReady().catch(() => ({ postgres: false, redis: false }));
  if (postgres && redis) return { ok: true, status: "running" };
  return { ok: false, error: `${postgres ? "Redis" : "Postgres"} does not answer.` };
}

async function ownSessions({ administration, clock }: GatewayContext, caller: Caller): Promise<GatewayStatus["sessions"]> {
  const { organizationId, agentIds } = caller;
  const onlooker = { organizationId, agentIds: agentIds === null ? null : [...agentIds] };
  const base = { kind: "dm", offset: 0 } as const;
  try {
    const changedSince = new Date(clock.now() - ACTIVE_MS);
    const [newest, active] = await Promise.all([
      administration.listSessions(onlooker, { ...base, limit: STATUS_LIST_MAX }),
      administration.listSessions(onlooker, { ...base, changedSince, limit: 1 }),
    ]);
    return { available: true, total: newest.total, active: active.total, list: newest.items.map(shown), error: null };
  } catch {
    return { available: false, total: 0, active: 0, list: [], error: "The sessions cannot be read now." };
  }
}

const shown = ({ conversationId, agentId, status, messageCount, updatedAt, createdAt }: SessionSummary): StatusSession => ({
  ...{ key: conversationId, agentId, status, messageCount, lastActivity: updatedAt, createdAt, model: null },
});
