import type { JobName, JobPayload, SharedJobName } from "@parley/contracts";

interface EnqueueOptions {
  /** A second order with the same `once` is swallowed while the first still waits or runs. */
  once?: string;
  /**
   * Of a shared order: what it is about has begun before. It does not wait in line, and no earlier one swallows it, which may be
   * in the hands of a worker that is gone.
   */
  urgent?: boolean;
}

export interface JobQueue {
  /**
   * Gives an order; a shared one perhaps by way of its organization's line. Rejects when Redis is away: the row it is about is the
   * truth, and the sweep gives the order again.
   */
  enqueue<Name extends JobName>(name: Name, payload: JobPayload<Name>, options?: EnqueueOptions): Promise<void>;
}

/** A shared order that should have been taken up by now. */
export interface DueOrder<Name extends SharedJobName> {
  payload: JobPayload<Name>;
  once: string;
  /** In line the oldest comes first. */
  sinceMs: number;
  /** One that was given is not taken for lost before it is this old. */
  graceMs: number;
}

/** The lines in which shared orders wait, for the one who makes sure that none is missing. */
export interface OrderLines {
  /** The indexes of those that neither wait in line nor were given lately. Changes nothing. Rejects when Redis is away, as all here. */
  findMissing<Name extends SharedJobName>(name: Name, due: readonly DueOrder<Name>[]): Promise<number[]>;
  /** Puts missing ones in line; what was given long ago is given again at once. */
  restore<Name extends SharedJobName>(name: Name, missing: readonly DueOrder<Name>[]): Promise<void>;
  /** Sets the weights that are not 1, by organization; all others are. */
  weigh(weights: ReadonlyMap<string, number>): Promise<void>;
}
