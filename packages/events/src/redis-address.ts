import { Cluster, Redis, type RedisOptions } from "ioredis";

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

const RECONNECT_MS_MAX = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** Answers quickly or not at all: nothing waits in a queue for Redis to come back, nothing is sent a second time. */
const FAIL_FAST = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), RECONNECT_MS_MAX),
} satisfies RedisOptions;

export function connectRedis(
  address: RedisAddress,
  options: { name: string; commandTimeoutMs: number; autoResubscribe: boolean },
): RedisClient {
  const nodes = address.url.split(",").map((node) => new URL(node.trim()));
  const [first] = nodes;
  if (!first) throw new Error("REDIS_URL is empty.");
  const shared = {
    ...FAIL_FAST,
    connectionName: options.name,
    commandTimeout: options.commandTimeoutMs,
    autoResubscribe: options.autoResubscribe,
    ...(first.username ? { username: decodeURIComponent(first.username) } : {}),
    ...(first.password ? { password: decodeURIComponent(first.password) } : {}),
    ...(first.protocol === "rediss:" ? { tls: {} } : {}),
  };
  const places = nodes.map((node) => ({ host: node.hostname, port: Number(node.port || (address.sentinelName ? 26_379 : 6_379)) }));
  if (address.cluster) {
    return new Cluster(places, {
      redisOptions: shared,
      enableOfflineQueue: false,
      shardedSubscribers: true,
      clusterRetryStrategy: FAIL_FAST.retryStrategy,
    });
  }
  const db = Number(first.pathname.slice(1) || 0);
  if (address.sentinelName) return new Redis({ ...shared, db, sentinels: places, name: address.sentinelName });
  return new Redis(address.url, shared);
}

/** Whether a command sent now would go out. A Cluster counts as live once it knows its slots. */
export const isLive = (client: RedisClient): boolean => client.status === "ready";
