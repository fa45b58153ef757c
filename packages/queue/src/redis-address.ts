import type { QueueName } from "@parley/contracts";
import { Cluster, Redis } from "ioredis";

/**
 * Where Redis is. `url` is `redis://` or `rediss://`; for a Cluster or for Sentinels a comma-separated list of nodes, of
 * which the first one's user, password, database and TLS hold for all.
 */
export interface RedisAddress {
  url: string;
  cluster?: boolean | undefined;
  /** The name of the master that the Sentinels of `url` watch. */
  sentinelName?: string | undefined;
}

export type RedisClient = Redis | Cluster;

/** Answers quickly or not at all: a caller would rather hear that Redis is away than wait for it. */
const PRODUCER = { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false };
/** BullMQ's blocking reads last until Redis answers, however long it was away. */
const WORKER = { maxRetriesPerRequest: null };

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MS_MAX = 1_000;

export function connectRedis(
  address: RedisAddress,
  options: { role: "producer" | "worker"; name: string; commandTimeoutMs?: number },
): RedisClient {
  const nodes = address.url.split(",").map((node) => new URL(node.trim()));
  const [first] = nodes;
  if (!first) throw new Error("REDIS_URL is empty.");
  const retryStrategy = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), RECONNECT_MS_MAX);
  const shared = {
    ...(options.role === "producer" ? PRODUCER : WORKER),
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: options.name,
    retryStrategy,
    ...(options.commandTimeoutMs === undefined ? {} : { commandTimeout: options.commandTimeoutMs }),
    ...(first.username ? { username: decodeURIComponent(first.username) } : {}),
    ...(first.password ? { password: decodeURIComponent(first.password) } : {}),
    ...(first.protocol === "rediss:" ? { tls: {} } : {}),
  };
  const places = nodes.map((node) => ({ host: node.hostname, port: Number(node.port || (address.sentinelName ? 26_379 : 6_379)) }));
  if (address.cluster) {
    return new Cluster(places, {
      redisOptions: shared,
      enableOfflineQueue: options.role === "worker",
      clusterRetryStrategy: retryStrategy,
    });
  }
  const db = Number(first.pathname.slice(1) || 0);
  if (address.sentinelName) return new Redis({ ...shared, db, sentinels: places, name: address.sentinelName });
  return new Redis(address.url, shared);
}

export const isLive = (client: { status: string }): boolean => client.status === "ready";

/**
 * Ends a connection and rejects all that waits for it. A client that is told to go while it pauses between two attempts keeps
 * its commands for ever; one that is just connecting rejects them.
 */
export function endConnection(client: { status: string; connect(): Promise<unknown>; disconnect(): void }): void {
  if (client.status === "reconnecting") client.connect().catch(() => undefined);
  client.disconnect();
}

/** All keys of one queue share a hash tag, as its scripts need on a Cluster; another queue may live on another node. */
export const queuePrefix = (prefix: string, queue: QueueName): string => `{${prefix}:${queue}}`;
