/** What a worker has seen since it last looked. */
export interface Load {
  /** The part of that time in which the event loop was at work, 0 to 1. */
  utilization: number;
  /** Jobs in hand now. */
  running: number;
  /** How many of them stand in line for something in this process. */
  waiting: number;
  /** Jobs that ended since. */
  ended: number;
  /** How long ago it last looked. */
  passedMs: number;
}

/** From here on whatever comes in finds the event loop at work. */
const SATURATED = 0.95;
/** The part of the jobs in hand that may stand in line: without any, what they wait for would stand idle now and then. */
const LINE_MAX = 1 / 4;
/** What has no line to leave out is tried with less. */
const SHRINK = 3 / 4;
const GROW = 1 / 8;
const SLOTS_MIN = 8;
/** At the pace of now the jobs in hand end within this. */
const TURNOVER_MS = 10_000;

/**
 * How many jobs a worker offers to take at a time, of at most `slotsMax`. More than it can work on add nothing but waiting, also for who
 * comes with a single one: where many of its jobs stand in line it offers as many as do not, where its event loop is saturated a quarter less;
 * otherwise an eighth more. It does not shrink while jobs only begin or last long: the first is a burst, in the other case they wait for their
 * models, and no place would become free soon. Nor before the last offer is felt, when no more than that are in hand.
 */
export function nextSlots(slots: number, slotsMax: number, { utilization, running, waiting, ended, passedMs }: Load): number {
  if (running === 0) return slotsMax;
  const hasLine = waiting > running * LINE_MAX;
  if (!hasLine && utilization < SATURATED) return Math.min(slotsMax, slots + Math.max(1, Math.floor(slots * GROW)));
  const comeAndGo = ended * TURNOVER_MS >= running * passedMs;
  if (!comeAndGo || running > slots) return slots;
  const useful = hasLine ? running - waiting : Math.floor(running * SHRINK);
  return Math.min(slots, Math.max(SLOTS_MIN, useful));
}
