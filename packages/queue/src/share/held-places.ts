import { newId, type QueueName } from "@parley/contracts";
import type { Places, SharedOrder } from "./places.ts";

/** The places of one queue that are held by this worker's jobs. */
export interface HeldPlaces {
  /** For a job that begins. What it returns is called at its end, and told whether the job has left BullMQ. */
  begin(data: unknown): (hasLeft: boolean) => void;
  /** From now on this worker says every second how many jobs it takes at a time and what it has in its hands. */
  open(): void;
  /** It takes no more. */
  retire(): void;
  /** Resolves when all that was to be said is said. */
  close(): Promise<void>;
}

/** Well within the shortest grace after which the sweep takes an order for lost whose place nobody speaks of. */
const REPORT_MS = 1_000;

export function createHeldPlaces({ queue, slots, places }: { queue: QueueName; slots: number; places: Places }): HeldPlaces {
  const holder = { id: newId(), slots, orders: new Set<SharedOrder>() };
  const unheard = new Set<Promise<void>>();
  let timer: NodeJS.Timeout | undefined;

  function say(saying: Promise<void>): void {
    unheard.add(saying);
    void saying.finally(() => unheard.delete(saying));
  }
  const report = (): void => say(places.report(queue, holder));

  return {
    begin(data) {
      const order = orderOf(data);
      if (order === null) return () => undefined;
      holder.orders.add(order);
      return (hasLeft) => {
        holder.orders.delete(order);
        if (hasLeft) say(places.leave(queue, order));
      };
    },
    open() {
      report();
      timer ??= setInterval(report, REPORT_MS);
    },
    retire() {
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
