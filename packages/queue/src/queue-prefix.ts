import type { QueueName } from "@parley/contracts";

/** All keys of one queue share a hash tag, as its scripts need on a Cluster; another queue may live on another node. */
export const queuePrefix = (prefix: string, queue: QueueName): string => `{${prefix}:${queue}}`;
