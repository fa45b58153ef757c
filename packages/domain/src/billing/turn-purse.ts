import { isGatewayError } from "@parley/contracts";
import { TurnAbort } from "../turn/turn-abort.ts";
import type { ClaimedTurn } from "../turn/turn-store.ts";
import type { BillingStore } from "./billing-store.ts";
import type { MeteredModel } from "./meter-model.ts";
import { createPurse, type Purse, type PursePorts } from "./purse.ts";

interface TurnPursePorts extends PursePorts {
  billing: Pick<BillingStore, "grow" | "pending">;
}

/** The purse of a turn; null where nobody has to have money first. An attempt that takes over goes on with what the one before has held. */
export function turnPurse(ports: TurnPursePorts, { organizationId, agentId, spending, turn }: ClaimedTurn): Purse | null {
  const { principalId = null, userId = null } = spending ?? {};
  if (spending === null && !ports.refuseUnpriced) return null;
  const key = { organizationId, id: turn.id, kind: "turn" as const, principalId, agentId, userId };
  if (turn.attempt === 1) return createPurse(ports, key);
  return createPurse(ports, key, async () => {
    const { heldMicros, usedMicros } = await ports.billing.pending({ organizationId, turnId: turn.id });
    return heldMicros - usedMicros;
  });
}

/** No other model costs nothing: a turn without money ends, it does not fall back. */
export const endingWithoutMoney =
  (model: MeteredModel): MeteredModel =>
  async (request, use) => {
    try {
      return await model(request, use);
    } catch (error) {
      throw isGatewayError(error, "budget_exhausted") ? new TurnAbort("budget") : error;
    }
  };
