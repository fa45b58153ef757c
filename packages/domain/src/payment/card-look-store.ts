/** How far it was looked for what the card service has told and nobody has heard. */
export interface CardLookStore {
  /** Takes the look up that is due, for so long; null where somebody else has. What is to be read lies between the two, behind that event. */
  takeCardLook(options: {
    leaseMs: number;
    /** How long the service keeps its events. */
    keptMs: number;
    /** How much of what was read before is read again. */
    overlapMs: number;
  }): Promise<{ epoch: number; fromMs: number; untilMs: number; afterId: string | null } | null>;
  /** Notes which event was read last, or that all are (null), and when to go on. False: another look has begun. */
  noteCardLook(look: { epoch: number; afterId: string | null; waitMs: number }): Promise<boolean>;
  /** An event that could not be booked is looked at again. */
  oweCardEvent(event: { id: string; createdAt: string }): Promise<void>;
  /** Takes some of those up; each is found again later and later, until the service keeps it no more. */
  takeOwedCardEvents(options: { rowsMax: number; keptMs: number }): Promise<string[]>;
  /** One of those is booked, or nobody's. */
  settleOwedCardEvent(id: string): Promise<void>;
}
