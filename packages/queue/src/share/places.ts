import type { QueueName } from "@parley/contracts";

/** An order as it stands in a line or holds a place: `organization/conversation/once`. */
export type SharedOrder = string;

/** A worker as the shares know it. */
export interface PlaceHolder {
  id: string;
  /** Jobs that it takes at a time; 0 when it takes no more. */
  slots: number;
  /** What it has in its hands. */
  orders: Iterable<SharedOrder>;
}

/** What a worker tells about places in the queues. Neither rejects: what is not heard is found out a little later. */
export interface Places {
  /** The order is over: its place is free for the next one. */
  leave(queue: QueueName, order: SharedOrder): Promise<void>;
  report(queue: QueueName, holder: PlaceHolder): Promise<void>;
}
