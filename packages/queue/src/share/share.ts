import type { QueueName } from "@parley/contracts";
import type { RedisClient } from "@parley/redis";
import { queuePrefix } from "../queue-prefix.ts";
import type { PlaceHolder, SharedOrder } from "./places.ts";
import { defineShare } from "./share-scripts.ts";

/** The places of one queue in BullMQ, and the lines before it. Each method is one command; the orders it answers are to be given now. */
export interface Share {
  /** Takes a place, free or not. `isCrowded`: the organization's next order would have to wait. */
  hold(order: SharedOrder): Promise<{ isCrowded: boolean }>;
  /** Takes a place if one is free, else waits in line; does nothing for an order that has a place. */
  ask(order: SharedOrder): Promise<{ isCrowded: boolean; given: SharedOrder[] }>;
  leave(order: SharedOrder): Promise<SharedOrder[]>;
  report(holder: PlaceHolder): Promise<SharedOrder[]>;
  /** The indexes of those that neither stand in line nor have a place that was spoken of within `graceMs`. */
  findMissing(due: readonly { order: SharedOrder; graceMs: number }[]): Promise<number[]>;
  restore(missing: readonly { order: SharedOrder; sinceMs: number }[]): Promise<SharedOrder[]>;
  weigh(weights: ReadonlyMap<string, number>): Promise<void>;
  /** How many orders wait in lines. */
  waiting(): Promise<number>;
}

/**
 * How long a place counts that nobody speaks of, and a worker that says nothing. A killed worker's places are missing from the
 * shares for so long; where no other one lived, from when the next one speaks.
 */
const LAST_MS = 15_000;

export function createShare(client: RedisClient, prefix: string, queue: QueueName): Share {
  const key = (name: string): string => `${queuePrefix(prefix, queue)}:share:${name}`;
  const weights = key("weights");
  const keys = [key("places"), key("held"), key("waiting"), weights, key("workers"), key("slots"), key("ties"), key("line:")];
  const given = [...keys, LAST_MS] as const;
  defineShare(client);
  return {
    hold: async (order) => ({ isCrowded: (await client.shareHold(...given, order)) === 1 }),
    async ask(order) {
      const [crowded, orders] = await client.shareAsk(...given, order);
      return { isCrowded: crowded === 1, given: orders };
    },
    leave: (order) => client.shareLeave(...given, order),
    report: ({ id, slots, orders }) => client.shareReport(...given, id, slots, ...orders),
    findMissing: (due) => client.shareMissing(...given, ...due.flatMap(({ order, graceMs }) => [order, graceMs])),
    restore: (missing) => client.shareRestore(...given, ...missing.flatMap(({ order, sinceMs }) => [order, sinceMs])),
    async weigh(all) {
      const commands = client.multi().del(weights);
      for (const [organizationId, weight] of all) commands.hset(weights, organizationId, weight);
      await commands.exec();
    },
    waiting: () => client.shareWaiting(...given),
  };
}
