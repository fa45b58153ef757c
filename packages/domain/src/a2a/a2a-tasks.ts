import { type A2aTask, GatewayError } from "@parley/contracts";
import { toCard } from "../conversation/to-card.ts";
import type { GatewayContext } from "../gateway-ports.ts";
import { type Caller, mayUseAgent } from "../identity/caller.ts";
import type { A2aOwner, StoredA2aTask } from "./a2a-store.ts";

/** Whose tasks the caller sees with an agent. Throws `not_found` for an agent that they may not use. */
export function ownerOf(caller: Caller, agentId: string): A2aOwner {
  if (!mayUseAgent(caller, agentId)) throw new GatewayError("not_found");
  return { organizationId: caller.organizationId, principalId: caller.principalId, agentId };
}

export const toA2aTask = (stored: StoredA2aTask): A2aTask => ({ ...stored, cards: stored.cards.map(toCard) });

export async function getA2aTask(
  { a2a }: Pick<GatewayContext, "a2a">,
  caller: Caller,
  { agentId, taskId }: { agentId: string; taskId: string },
): Promise<A2aTask> {
  const found = await a2a.find(ownerOf(caller, agentId), { taskId });
  if (found === null) throw new GatewayError("not_found");
  return toA2aTask(found);
}
