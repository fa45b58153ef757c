import { budgetExhausted, isGatewayError, withoutFigures } from "@parley/contracts";
import type { PeerCallStore } from "../peer/peer-store.ts";
import { outlastOutage } from "../turn/outlast-outage.ts";
import { TurnAbort } from "../turn/turn-abort.ts";
import type { ClaimedTurn } from "../turn/turn-store.ts";
import type { BillingStore } from "./billing-store.ts";
import type { MeteredModel } from "./meter-model.ts";
import { priceUsage } from "./price-usage.ts";
import { createPurse, type Purse, type PursePorts } from "./purse.ts";

interface TurnPursePorts extends PursePorts {
  billing: Pick<BillingStore, "grow" | "pending" | "findPrice">;
  peers: { calls: Pick<PeerCallStore, "price"> };
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

/** Whoever may read the log reads how the turn has ended, also who may call it with another key: it says which balance or budget, and no figure. */
function asBudget(error: unknown): unknown {
  if (!isGatewayError(error, "budget_exhausted")) return error;
  if (error.refusedBy === undefined) return new TurnAbort("budget", error.message);
  const { message, refusedBy } = budgetExhausted(withoutFigures(error.refusedBy));
  return new TurnAbort("budget", message, refusedBy);
}

/** No other model costs nothing: a turn without money ends, it does not fall back. */
export const endingWithoutMoney =
  (model: MeteredModel): MeteredModel =>
  async (request, use) => {
    try {
      return await model(request, use);
    } catch (error) {
      throw asBudget(error);
    }
  };

/** Sets aside what is bought in a turn beside models, where there has to be money first. Throws `TurnAbort` where there is none. */
export interface TurnPayments {
  /** One run of an agent, where it has a price of its own. */
  forAgent(agentId: string, signal: AbortSignal): Promise<void>;
  /** A call of the ledger of peers, before it is sent. False where nobody has said what it costs, and such calls are refused. */
  forPeer(callId: string, signal: AbortSignal): Promise<boolean>;
}

const ONE_RUN = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 };

export function turnPayments(ports: TurnPursePorts, { organizationId }: ClaimedTurn, purse: Purse | null): TurnPayments {
  const { billing, clock, peers, refuseUnpriced } = ports;
  const spend = async (micros: number, signal: AbortSignal): Promise<void> => {
    await purse?.spend(micros, signal).catch((error: unknown) => {
      throw asBudget(error);
    });
  };
  return {
    async forAgent(agentId, signal) {
      if (purse === null) return;
      const price = await outlastOutage(clock, () => billing.findPrice(organizationId, { kind: "agent", name: agentId }), signal);
      if (price !== null) await spend(priceUsage(price, ONE_RUN), signal);
    },
    async forPeer(callId, signal) {
      if (purse === null) return true;
      const { micros, assumed } = await outlastOutage(clock, () => peers.calls.price(organizationId, callId), signal);
      if (assumed && refuseUnpriced) return false;
      await spend(micros, signal);
      return true;
    },
  };
}
