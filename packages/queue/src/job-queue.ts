import { GatewayError, JOBS, type JobName, type JobPayload, QUEUES, type QueueName, type SharedJobName } from "@parley/contracts";
import type { JobQueue, Log, OrderLines } from "@parley/domain";
import { connectRedis, endConnection, isLive, type RedisAddress, watchConnection } from "@parley/redis";
import { Queue } from "bullmq";
import { jobOptions } from "./job-options.ts";
import { queuePrefix } from "./queue-prefix.ts";
import type { Places } from "./share/places.ts";
import { createShare } from "./share/share.ts";
import { createSharedOrders, type SharedOrders } from "./share/shared-orders.ts";
import { within } from "./within.ts";

export interface JobQueueOptions extends RedisAddress {
  /** Starts every key; workers must be given the same. */
  prefix: string;
  log: Log;
  /** An order without an answer is rejected after this long. */
  commandTimeoutMs?: number;
}

const COUNTED = ["waiting", "prioritized", "active", "delayed"] as const;
/** `held`: orders in line, not in BullMQ yet. */
export type QueueCounts = Record<(typeof COUNTED)[number] | "held", number>;

export interface RedisJobQueue extends JobQueue, OrderLines, Places {
  /** How many jobs each queue holds, by state. Rejects with `storage_unavailable` when Redis is away. */
  counts(): Promise<Record<QueueName, QueueCounts>>;
  close(): Promise<void>;
}

/** Only operators read BullMQ's own events, and only the last ones. */
const EVENTS_MAX = 100;
const CLOSE_MS = 1_000;

const isShared = (name: JobName): name is SharedJobName => JOBS[name].shared;

/**
 * Gives orders, over one connection for all queues. Returns at once; orders that come before Redis was reached for the
 * first time wait for it as long as for any answer, later ones are rejected at once while it is away.
 */
export function createJobQueue({ prefix, log, commandTimeoutMs = 1_000, ...address }: JobQueueOptions): RedisJobQueue {
  const connection = connectRedis(address, { role: "producer", name: `${prefix}:orders`, commandTimeoutMs });
  watchConnection(connection, log.child({ connection: "orders" }));
  const firstReady = within(commandTimeoutMs, new Promise((resolve) => connection.once("ready", resolve)));
  const queues = new Map(QUEUES.map((name) => [name, openQueue(name)]));

  const shared = new Map<QueueName, SharedOrders>();
  for (const name of (Object.keys(JOBS) as JobName[]).filter(isShared)) {
    const { queue } = JOBS[name];
    shared.set(queue, createSharedOrders(name, queueOf(queue), createShare(connection, prefix, queue)));
  }

  function openQueue(name: QueueName): Queue {
    const queue = new Queue(name, {
      connection,
      prefix: queuePrefix(prefix, name),
      streams: { events: { maxLen: EVENTS_MAX } },
      // The version is asked for once, and a queue whose question meets a broken connection would never work again.
      skipVersionCheck: true,
    });
    queue.on("error", (error) => log.debug({ queue: name, error }, "the queue's connection failed"));
    return queue;
  }

  function queueOf(name: QueueName): Queue {
    const queue = queues.get(name);
    if (queue === undefined) throw new Error(`There is no queue ${name}.`);
    return queue;
  }

  async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    if (!isLive(connection)) await firstReady;
    if (!isLive(connection)) throw new GatewayError("storage_unavailable", { detail: "Redis is away.", retryAfterSeconds: 1 });
    return question().catch((cause: unknown) => {
      throw new GatewayError("storage_unavailable", { detail: "Redis did not take the order.", retryAfterSeconds: 1, cause });
    });
  }

  async function tell(queue: QueueName, say: (orders: SharedOrders) => Promise<void>): Promise<void> {
    const orders = shared.get(queue);
    if (orders === undefined) return;
    await ask(() => say(orders)).catch((error: unknown) => log.debug({ queue, error }, "Redis did not hear about a place"));
  }

  return {
    async enqueue(name, payload, { once, urgent = false } = {}) {
      const { queue } = JOBS[name];
      await ask(async () => {
        const orders = shared.get(queue);
        if (orders !== undefined) await orders.add(payload as JobPayload<SharedJobName>, { once, urgent });
        else await queueOf(queue).add(name, payload, jobOptions(name, once));
      });
    },

    findMissing: (name, due) => ask(async () => (await shared.get(JOBS[name].queue)?.findMissing(due)) ?? []),
    restore: (name, missing) => ask(async () => shared.get(JOBS[name].queue)?.restore(missing)),
    weigh: (weights) => ask(async () => void (await Promise.all([...shared.values()].map((orders) => orders.weigh(weights))))),
    leave: (queue, order) => tell(queue, (orders) => orders.leave(order)),
    report: (queue, holder) => tell(queue, (orders) => orders.report(holder)),

    counts: () =>
      ask(async () => {
        const counted = await Promise.all(
          [...queues].map(async ([name, queue]) => {
            const [counts, held = 0] = await Promise.all([queue.getJobCounts(...COUNTED), shared.get(name)?.waiting()]);
            return [name, { ...counts, held }] as const;
          }),
        );
        return Object.fromEntries(counted) as Record<QueueName, QueueCounts>;
      }),

    async close() {
      await within(CLOSE_MS, Promise.all([...queues.values()].map((queue) => queue.close())));
      if (isLive(connection)) await within(CLOSE_MS, connection.quit());
      endConnection(connection);
    },
  };
}
