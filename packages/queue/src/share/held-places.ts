import { performance } from "node:perf_hooks";
import { newId, type QueueName } from "@parley/contracts";
import { nextSlots } from "./next-slots.ts";
import type { Places, SharedOrder } from "./places.ts";

/** The places of one queue that are held by this worker's jobs. */
export interface HeldPlaces {
  /** For a job that begins. What it returns is called at its end, and told whether the job has left BullMQ. */
  begin(data: unknown): (hasLeft: boolean) => void;
  /** From now on this worker says how many jobs it takes at a time and what it has in its hands: every second, and when the number changes. */
  open(): void;
  /** Jobs in its hands. */
  running(): number;
  /** It takes no more. */
  retire(): void;
  /** Resolves when all that was to be said is said. */
  close(): Promise<void>;
}

interface HeldPlacesOptions {
  queue: QueueName;
  /** Jobs at a time, at most. */
  slots: number;
  /** The part of all jobs in this process's hands, of whichever queue, that stands in line for something in it. */
  inLine: () => number;
  places: Places;
}

/** Well within the shortest grace after which the sweep takes an order for lost whose place nobody speaks of. */
const REPORT_MS = 1_000;
/** In this time a process begins fewer jobs than `BEGIN_MAX`, so that it never waits for more to be let in. */
const LOOK_MS = 20;
/** How often it is judged by what it has done since. A crowd is through its beginning in less than a second, and has to be noticed before. */
const JUDGE_MS = 100;
/** Jobs that are let in before they can begin. A crowd that is let in as a whole stands before everybody who comes a moment later. */
const BEGIN_MAX = 32;
/** What has begun counts by so many: not every job is a reason to report. */
const BEGUN_STEP = 8;
/** An organization that has had the worker to itself for so long is kept from nothing: it may wait here as well as in line. */
const ALONE_MS = 600_000;

export function createHeldPlaces({ queue, slots: slotsMax, inLine, places }: HeldPlacesOptions): HeldPlaces {
  const holder = { id: newId(), slots: Math.min(slotsMax, BEGIN_MAX), orders: new Set<SharedOrder>() };
  const unheard = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let isRetired = false;
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  let useful = slotsMax;
  let judgedAtMs = performance.now();
  let seen = performance.eventLoopUtilization();
  let ended = 0;
  let newest: string | undefined;
  let changedAtMs = Number.NEGATIVE_INFINITY;

  function say(saying: Promise<void>): void {
    unheard.add(saying);
    void saying.finally(() => unheard.delete(saying));
  }

  function report(): void {
    reportedAtMs = performance.now();
    say(places.report(queue, holder));
  }

  function take(order: SharedOrder): void {
    holder.orders.add(order);
    const organization = order.slice(0, order.indexOf("/"));
    if (newest !== undefined && newest !== organization) changedAtMs = performance.now();
    newest = organization;
  }

  function inHand(): { running: number; waiting: number } {
    const running = holder.orders.size;
    return { running, waiting: Math.round(running * Math.min(1, inLine())) };
  }

  function judge(): void {
    const nowMs = performance.now();
    const { utilization } = performance.eventLoopUtilization(seen);
    useful = nextSlots(useful, slotsMax, { utilization, ...inHand(), ended, passedMs: nowMs - judgedAtMs });
    seen = performance.eventLoopUtilization();
    judgedAtMs = nowMs;
    ended = 0;
  }

  /** As many as are of use, of which no more are let in at a time than can begin in a moment. Who has been alone and is busy gets all. */
  function offer(): number {
    if (isRetired) return 0;
    const { running, waiting } = inHand();
    const isAlone = performance.now() - changedAtMs > ALONE_MS;
    if (isAlone && running > BEGIN_MAX / 2) return slotsMax;
    const begun = running - waiting;
    return Math.min(isAlone ? slotsMax : useful, BEGIN_MAX + begun - (begun % BEGUN_STEP));
  }

  function look(): void {
    const isJudged = performance.now() - judgedAtMs >= JUDGE_MS;
    if (isJudged) judge();
    const before = holder.slots;
    const slots = offer();
    if (isJudged || slots > before) holder.slots = slots;
    if (holder.slots !== before || performance.now() - reportedAtMs >= REPORT_MS) report();
  }

  return {
    begin(data) {
      const order = orderOf(data);
      if (order === null) return () => undefined;
      take(order);
      return (hasLeft) => {
        ended += 1;
        holder.orders.delete(order);
        if (hasLeft) say(places.leave(queue, order));
      };
    },
    open() {
      report();
      timer ??= setInterval(look, LOOK_MS);
    },
    running: () => holder.orders.size,
    retire() {
      isRetired = true;
      holder.slots = 0;
      report();
    },
    async close() {
      clearInterval(timer);
      await Promise.all(unheard);
    },
  };
}

/** Null for a job whose queue is not shared. */
function orderOf(data: unknown): SharedOrder | null {
  if (typeof data !== "object" || data === null || !("order" in data)) return null;
  return typeof data.order === "string" ? data.order : null;
}
