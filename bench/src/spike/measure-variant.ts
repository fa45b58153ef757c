import { runConcurrently } from "../measure/run-concurrently.ts";
import { newTurn, type Variant } from "./variant.ts";

/** Milliseconds of each part of each sequential turn, and the turns per second of each concurrent round. */
export interface Samples {
  admitMs: number[];
  claimMs: number[];
  finishMs: number[];
  turnMs: number[];
  turnsPerSecond: number[];
}

export const noSamples = (): Samples => ({ admitMs: [], claimMs: [], finishMs: [], turnMs: [], turnsPerSecond: [] });

/** One round of one variant: turns one after the other with the time of each part, then turns at the given concurrency. */
export async function measureVariant(
  variant: Variant,
  samples: Samples,
  round: { turns: number; burst: number; concurrency: number },
): Promise<void> {
  for (let index = 0; index < round.turns; index++) {
    const turn = newTurn(index);
    const startedAt = performance.now();
    await variant.admit(turn);
    const admittedAt = performance.now();
    const epoch = (await variant.claim?.(turn)) ?? 0;
    const claimedAt = performance.now();
    await variant.finish(turn, epoch);
    const endedAt = performance.now();
    samples.admitMs.push(admittedAt - startedAt);
    if (variant.claim !== null) samples.claimMs.push(claimedAt - admittedAt);
    samples.finishMs.push(endedAt - claimedAt);
    samples.turnMs.push(endedAt - startedAt);
  }
  const rate = await runConcurrently(round.burst, round.concurrency, async (index) => {
    const turn = newTurn(index);
    await variant.admit(turn);
    await variant.finish(turn, (await variant.claim?.(turn)) ?? 0);
  });
  samples.turnsPerSecond.push(rate);
}
