import type { DirectUsage } from "./direct-models.ts";

/**
 * How a call on the direct path ended. `refused`: nothing was answered. `cut`: the provider broke off. `cancelled`: the caller left. `lost`: the process that
 * made it was lost, and this is what it had noted.
 */
export type DirectOutcome = "answered" | "refused" | "cut" | "cancelled" | "lost";

/** Who makes a background response: its row, and the epoch of the right to write it. */
export interface ResponseAttempt {
  responseId: string;
  epoch: number;
}

/** What one call has used of one model: a fact, written once and never changed. A call that goes on with another model leaves a record for each. */
export interface DirectCallRecord extends DirectUsage {
  /** That of the call for its last part. */
  id: string;
  callId: string;
  /** Counts from 0: each model that broke off before another one was asked ends one. What a part has used is recorded once, whether by its record or by a note. */
  part: number;
  organizationId: string;
  principalId: string;
  /** Whom the call is for, as `userName` has it; null: nobody in particular. */
  userId: string | null;
  /** The route's name in the registry. */
  route: string;
  /** The model that answered, or was tried last. */
  model: string;
  outcome: DirectOutcome;
  /** Since the call began, or since the record before this one. */
  tries: number;
  /** From the call to its end. */
  latencyMs: number;
  requestId: string;
  /** The background response that it was made for. Where another attempt takes that over, the call is the house's to pay. */
  attempt?: ResponseAttempt | undefined;
  /** The payment of the call that was sold, where it was made for one. */
  saleId?: string | undefined;
  /** ISO 8601. */
  at: string;
}

export interface DirectCallStore {
  /** Each record once, by its id and its part: one that is there already is left as it is. One that cannot be kept is set aside. */
  append(records: DirectCallRecord[]): Promise<void>;
}
