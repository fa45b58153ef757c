import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";

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

interface Role {
  redis: RedisOptions;
  cluster: ClusterOptions;
  /** The longest pause between two attempts to connect. */
  reconnectMsMax: number;
}

/** Answers quickly or not at all: nothing waits in a queue for Redis to come back, nothing is sent a second time. */
const FAIL_FAST = { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false };

const ROLES = {
  /** Its caller would rather hear that Redis is away than wait for it. */
  producer: { redis: FAIL_FAST, cluster: { enableOfflineQueue: false }, reconnectMsMax: 1_000 },
  /** BullMQ's blocking reads last until Redis answers, however long it was away. */
  worker: { redis: { maxRetriesPerRequest: null }, cluster: { enableOfflineQueue: true }, reconnectMsMax: 1_000 },
  /** Publishes or listens. Who listens joins his channels again himself, so that he knows when he may have missed something. */
  pubsub: {
    redis: { ...FAIL_FAST, autoResubscribe: false },
    cluster: { enableOfflineQueue: false, shardedSubscribers: true },
    reconnectMsMax: 2_000,
  },
} satisfies Record<string, Role>;

interface ConnectOptions {
  role: keyof typeof ROLES;
  /** What Redis calls the connection in its list of clients. */
  name: string;
  /** A command without an answer is rejected after this long; absent: never. */
  commandTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;

/** Returns at once and connects in the background, again and again until the connection is ended. */
export function connectRedis(address: RedisAddress, { role, name, commandTimeoutMs }: ConnectOptions): RedisClient {
  const nodes = address.url.split(",").map((node) => new URL(node.trim()));
  const [first] = nodes;
  if (!first) throw new Error("REDIS_URL is empty.");
  const { redis, cluster, reconnectMsMax } = ROLES[role];
  const retryStrategy = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), reconnectMsMax);
  const shared = {
    ...redis,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: name,
    retryStrategy,
    ...(commandTimeoutMs === undefined ? {} : { commandTimeout: commandTimeoutMs }),
    ...(first.username ? { username: decodeURIComponent(first.username) } : {}),
    ...(first.password ? { password: decodeURIComponent(first.password) } : {}),
    ...(first.protocol === "rediss:" ? { tls: {} } : {}),
  };
  const places = nodes.map((node) => ({ host: node.hostname, port: Number(node.port || (address.sentinelName ? 26_379 : 6_379)) }));
  if (address.cluster) return new Cluster(places, { ...cluster, redisOptions: shared, clusterRetryStrategy: retryStrategy });
  const db = Number(first.pathname.slice(1) || 0);
  if (address.sentinelName) return new Redis({ ...shared, db, sentinels: places, name: address.sentinelName });
  return new Redis(address.url, shared);
}

/** Whether a command sent now would go out. A Cluster counts as live once it knows its slots. */
export const isLive = (client: { status: string }): boolean => client.status === "ready";
