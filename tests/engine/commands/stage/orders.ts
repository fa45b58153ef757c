import type { JobName } from "@parley/contracts";
import type { JobQueue } from "@parley/domain";

interface Order {
  name: JobName;
  once: string | undefined;
}

/** The orders of one conversation, delivered by hand. */
export interface Orders {
  queue: JobQueue;
  /** Takes the oldest order, which counts as under way until `done`; undefined where none waits. */
  take(): Order | undefined;
  done(order: Order): void;
  /** How many wait, of all or of one name. */
  waiting(name?: JobName): number;
  /** As a flushed Redis does: what waits is gone, and so is what was known of the orders under way. */
  forget(): void;
}

/** Like the real queue: an order is swallowed while another one with the same `once` waits or is under way, unless it is urgent. */
export function createOrders(): Orders {
  let waiting: Order[] = [];
  const underWay = new Set<Order>();
  return {
    queue: {
      async enqueue(name, _payload, { once, urgent = false }: { once?: string; urgent?: boolean } = {}) {
        const isSame = (other: Order): boolean => other.name === name && other.once === once;
        if (once !== undefined && !urgent && [...waiting, ...underWay].some(isSame)) return;
        waiting.push({ name, once });
      },
    },
    take() {
      const order = waiting.shift();
      if (order !== undefined) underWay.add(order);
      return order;
    },
    done: (order) => void underWay.delete(order),
    waiting: (name) => waiting.filter((order) => name === undefined || order.name === name).length,
    forget() {
      waiting = [];
      underWay.clear();
    },
  };
}
