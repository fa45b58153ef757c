import type { TurnRun } from "../turn/turn-run.ts";

/** How many agents of others, one behind the other, may still work for this turn: what its message says, and never more than the limit. */
export function hopsLeft({ active, limits }: Pick<TurnRun, "active" | "limits">): number {
  const { peerHopsMax } = limits;
  return Math.min(active.claim.turn.options.hopsMax ?? peerHopsMax, peerHopsMax);
}

/** What a background child takes along of it. */
export const hopsOf = ({ active }: Pick<TurnRun, "active">): { options?: { hopsMax: number } } => {
  const { hopsMax } = active.claim.turn.options;
  return hopsMax === undefined ? {} : { options: { hopsMax } };
};
