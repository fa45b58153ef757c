import type { JobName, JobPayload } from "@parley/contracts";

export interface JobQueue {
  /**
   * Gives an order. A second one with the same `once` is swallowed while the first still waits or runs.
   * Rejects when Redis is away: the row it is about is the truth, and the sweep gives the order again.
   */
  enqueue<Name extends JobName>(name: Name, payload: JobPayload<Name>, options?: { once?: string }): Promise<void>;
}
