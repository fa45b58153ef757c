import { type Agent, agentId, GatewayError } from "@parley/contracts";
import { findAgent } from "../agent/find-agent.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";

/** How many of the oldest agents are looked through. */
const AGENTS_MAX = 100;

const none = (): GatewayError => new GatewayError("not_found", { text: "No agent found" });

/** The agent that is named; else the caller's oldest that is active: one of its own, and only where there is none one that hands on to a peer. Throws `not_found`. */
export async function findChatAgent(context: GatewayContext, caller: Caller, named?: string): Promise<Agent> {
  if (named !== undefined) {
    const known = agentId.safeParse(named);
    if (!known.success) throw none();
    return findAgent(context, caller, known.data).catch((error: unknown) => {
      throw error instanceof GatewayError && error.code === "not_found" ? none() : error;
    });
  }
  const { organizationId, agentIds } = caller;
  const page = { page: 1, perPage: AGENTS_MAX, agentIds: agentIds === null ? null : [...agentIds] };
  const { items } = await context.agents.list(organizationId, page);
  const active = items.filter(({ state }) => state === "active");
  const found = active.find(({ config }) => config.relayTo === undefined) ?? active[0];
  if (found === undefined) throw none();
  return found;
}
