/** The rules that the protocol stands on. Each can be taken away, to see that the checker misses it. */
export const RULES = {
  /** A worker's write is refused unless it carries the newest epoch and the conversation runs. */
  fence: true,
  /** An epoch is never given twice, also where Postgres forgot the claim that took it. */
  epochIsUnique: true,
  /** Every commit of a worker looks for the stop, not the claim alone. */
  stopAtCommit: true,
  /** A stop that names a turn stops no other. */
  stopNamesTurn: true,
  /** A stop for an older turn takes nothing back. */
  stopOnlyGrows: true,
  /** A turn that was stopped is told as stopped, also where an interrupt ends it. */
  stopOutranksInterrupt: true,
  /** The end of a turn begins the next in the same commit. */
  endBeginsNext: true,
  /** The end of a turn closes its cards in the same commit. */
  endClosesCards: true,
  /** Steers that the turn did not apply go on as messages. */
  steersOutliveTurn: true,
  /** They go before the queue, but not before an interrupt. */
  interruptBeforeSteers: true,
  /** A turn that was steered meanwhile does not pause. */
  steeredDoesNotPause: true,
  /** Whatever begins a turn ends the hold. */
  beginEndsHold: true,
  /** A message releases the hold also where the stopped turn was given back and waits for a worker to end it. */
  readyReleasesHold: true,
  /** A drain order counts only while its row does: Redis may deliver it after a stop. */
  drainNeedsRow: true,
  /** A card is closed only where it is open. */
  cardClosesOnce: true,
  /** A card is answered only before its expiry. */
  cardExpires: true,
  /** What runs or should run and has nobody gets another kick. */
  sweepKicksAgain: true,
  /** That kick has an id of its own: the first may be in the hands of a worker that is gone. */
  repairHasOwnId: true,
  /** A kick's id names the epoch, so that the job of an older epoch cannot swallow it. */
  kickIdNamesEpoch: true,
  /** A call whose intent has no result is not sent again: its outcome is unknown. */
  journal: true,
  /** An approved call gets an intent of its own before it is sent: the one that asked does not say whether it was. */
  approvedIntent: true,
  /** Before a call is sent, the last renewal must be young. */
  freshness: true,
} as const;

export type Rules = Record<keyof typeof RULES, boolean>;
