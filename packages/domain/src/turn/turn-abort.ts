import type { RefusedBy, TurnEndReason } from "@parley/contracts";

/** Why a running turn must end before its answer. The reason of its AbortSignal, and what its parts throw. */
export class TurnAbort extends Error {
  readonly reason: TurnEndReason;
  /** What the caller is told. */
  readonly text: string;
  /** Of `budget`: which balance or budget. */
  readonly refusedBy: RefusedBy | undefined;

  constructor(reason: TurnEndReason, text = TEXTS[reason], refusedBy?: RefusedBy) {
    super(text);
    this.name = "TurnAbort";
    this.reason = reason;
    this.text = text;
    this.refusedBy = refusedBy;
  }
}

const TEXTS: Record<TurnEndReason, string> = {
  user_stop: "The turn was stopped.",
  shutdown: "The worker shuts down; another one goes on.",
  lease_lost: "Another worker has taken over.",
  budget: "The budget is used up.",
  timeout: "The turn took longer than it may.",
  superseded: "A newer message has taken the turn's place.",
  steps_exhausted: "The agent took more steps than it may.",
  attempts_exhausted: "The turn was tried too often without an end.",
  answer_too_long: "The answer is longer than it may be.",
  model_rejected: "The model refused the request.",
  model_unavailable: "The model is not answering.",
  peer_failed: "The agent that was called has not done it.",
  peer_token_missing: "The agent that was called wants a token, and there is none.",
  internal: "Something went wrong on our side.",
};
