import { GatewayError, JOBS, QUEUES, type QueueName } from "@parley/contracts";
import type { JobQueue, Log } from "@parley/domain";
import { connectRedis, endConnection, isLive, type RedisAddress, watchConnection } from "@parley/redis";
import { Queue } from "bullmq";
import { jobOptions } from "./job-options.ts";
import { queuePrefix } from "./queue-prefix.ts";
import { within } from "./within.ts";

export interface JobQueueOptions extends RedisAddress {
  /** Starts every key; workers must be given the same. */
  prefix: string;
  log: Log;
  /** An order without an answer is rejected after this long. */
  commandTimeoutMs?: number;
}

const COUNTED = ["waiting", "prioritized", "active", "delayed"] as const;
export type QueueCounts = Record<(typeof COUNTED)[number], number>;

export interface RedisJobQueue extends JobQueue {
  /** How many jobs each queue holds, by state. Rejects with `storage_unavailable` when Redis is away. */
  counts(): Promise<Record<QueueName, QueueCounts>>;
  close(): Promise<void>;
}

/** Only operators read BullMQ's own events, and only the last ones. */
const EVENTS_MAX = 100;
const CLOSE_MS = 1_000;

/**
 * Gives orders, over one connection for all queues. Returns at once; orders that come before Redis was reached for the
 * first time wait for it as long as for any answer, later ones are rejected at once while it is away.
 */
export function createJobQueue({ prefix, log, commandTimeoutMs = 1_000, ...address }: JobQueueOptions): RedisJobQueue {
  const connection = connectRedis(address, { role: "producer", name: `${prefix}:orders`, commandTimeoutMs });
  watchConnection(connection, log.child({ connection: "orders" }));
  const firstReady = within(commandTimeoutMs, new Promise((resolve) => connection.once("ready", resolve)));
  const queues = new Map(QUEUES.map((name) => [name, openQueue(name)]));

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

  async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    if (!isLive(connection)) await firstReady;
    if (!isLive(connection)) throw new GatewayError("storage_unavailable", { detail: "Redis is away.", retryAfterSeconds: 1 });
    return question().catch((cause: unknown) => {
      throw new GatewayError("storage_unavailable", { detail: "Redis did not take the order.", retryAfterSeconds: 1, cause });
    });
  }

  return {
    async enqueue(name, payload, options) {
      await ask(async () => queues.get(JOBS[name].queue)?.add(name, payload, jobOptions(name, options?.once)));
    },

    counts: () =>
      ask(async () => {
        const counted = await Promise.all([...queues].map(async ([name, queue]) => [name, await queue.getJobCounts(...COUNTED)] as const));
        return Object.fromEntries(counted) as Record<QueueName, QueueCounts>;
      }),

    async close() {
      await within(CLOSE_MS, Promise.all([...queues.values()].map((queue) => queue.close())));
      if (isLive(connection)) await within(CLOSE_MS, connection.quit());
      endConnection(connection);
    },
  };
}
