import type { Limits } from "@parley/contracts";
import type { Clock } from "../clock.ts";
import type { BillingStore, HoldKey } from "./billing-store.ts";
import { createPurse, type Purse } from "./purse.ts";

/** How long a change of an organization's mode or budgets may take to be seen by calls that are no turn. */
const FRESH_MS = 5_000;
const ENTRIES_MAX = 10_000;

interface PursesPorts {
  billing: Pick<BillingStore, "grow" | "needsHolds">;
  clock: Clock;
  limits: Limits;
  refuseUnpriced: boolean;
}

/** The purse of a call outside of turns; null where its organization needs none, which is known without asking for some seconds. */
export type DirectPurses = (
  call: Pick<HoldKey, "organizationId" | "principalId" | "id"> & Partial<Pick<HoldKey, "agentId" | "userId">>,
) => Promise<Purse | null>;

export function createDirectPurses({ billing, clock, limits, refuseUnpriced }: PursesPorts): DirectPurses {
  const known = new Map<string, { needed: Promise<boolean>; untilMs: number }>();

  function isNeeded(organizationId: string): Promise<boolean> {
    const entry = known.get(organizationId);
    if (entry !== undefined && entry.untilMs > clock.monotonicMs()) return entry.needed;
    const needed = billing.needsHolds(organizationId);
    known.delete(organizationId);
    known.set(organizationId, { needed, untilMs: clock.monotonicMs() + FRESH_MS });
    const oldest = known.keys().next().value;
    if (known.size > ENTRIES_MAX && oldest !== undefined) known.delete(oldest);
    needed.catch(() => known.get(organizationId)?.needed === needed && known.delete(organizationId));
    return needed;
  }

  return async ({ organizationId, principalId, id, agentId = null, userId = null }) => {
    if (!refuseUnpriced && !(await isNeeded(organizationId))) return null;
    return createPurse(
      { billing, clock, random: Math.random, limits, refuseUnpriced },
      { organizationId, id, kind: "call", principalId, agentId, userId },
    );
  };
}
