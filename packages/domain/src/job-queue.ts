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
  /**
   * Puts in line what neither waits there nor was given lately, and gives again what was given long ago. Answers the
   * indexes of both kinds. Rejects when Redis is away.
   */
  ensure<Name extends SharedJobName>(name: Name, due: readonly DueOrder<Name>[]): Promise<number[]>;
  /** Sets the weights that are not 1, by organization; all others are. Rejects when Redis is away. */
  weigh(weights: ReadonlyMap<string, number>): Promise<void>;
}
