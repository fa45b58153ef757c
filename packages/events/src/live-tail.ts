import type { LogEvent } from "@parley/contracts";
import type { LiveTail, Log } from "@parley/domain";
import { connectRedis, isLive, type RedisAddress, watchConnection } from "@parley/redis";
import { Cluster } from "ioredis";
import { createChannelSet } from "./channel-set.ts";
import { createDeltaList } from "./delta-list.ts";
import { readEvents, readFrame, writeFrame } from "./frame.ts";
import { createKeys } from "./keys.ts";
import { createListeners } from "./listeners.ts";

export interface LiveTailOptions extends RedisAddress {
  /** Starts every key and channel. */
  prefix: string;
  log: Log;
  /** Over how many channels the conversations are spread. All processes of an installation must agree on it. */
  shards?: number;
  /** A command without an answer counts as lost after this long. */
  commandTimeoutMs?: number;
  lingerMs?: number;
  deltasMax?: number;
  /** Called for each message and each list of deltas that Redis did not take or give. */
  onLost?: () => void;
}

export interface RedisLiveTail extends LiveTail {
  /** Whether Redis answers, within the command timeout. Never throws. */
  ping(): Promise<boolean>;
  /** Sends what is under way, then ends both connections. Listeners hear nothing more. */
  close(): Promise<void>;
}

/**
 * The live tail on Redis pub/sub, with streams for the deltas. Two connections per process: one that sends, in the order
 * of the calls, and one that listens. Returns at once; until Redis is there everything counts as lost.
 */
export function createLiveTail(options: LiveTailOptions): RedisLiveTail {
  const { prefix, log, shards = 16, commandTimeoutMs = 1_000, lingerMs = 5_000, deltasMax = 4_096 } = options;
  const keys = createKeys({ prefix, shards });
  const sender = connectRedis(options, { role: "pubsub", name: `${prefix}:send`, commandTimeoutMs });
  const receiver = connectRedis(options, { role: "pubsub", name: `${prefix}:listen`, commandTimeoutMs });
  watchConnection(sender, log.child({ connection: "send" }));
  watchConnection(receiver, log.child({ connection: "listen" }));

  const onLost = (error: unknown): void => {
    log.debug({ error }, "Redis did not serve the live tail");
    options.onLost?.();
  };
  const followers = createListeners<LogEvent[] | null>(log);
  const nudged = createListeners<string>(log);
  const deltas = createDeltaList({ client: sender, keys, deltasMax, onLost });
  const channels = createChannelSet({
    client: receiver,
    log,
    lingerMs,
    onGap: () => followers.tellAll(null),
    onMessage: (message) => {
      const frame = readFrame(message);
      if (!frame) return;
      if (followers.has(frame.key)) followers.tell(frame.key, readEvents(frame.body));
      else if (nudged.has(frame.key)) nudged.tell(frame.key, frame.body.toString());
    },
  });

  const send = (channel: string, message: string): void => {
    if (!isLive(sender)) onLost(new Error("Redis is away."));
    else if (sender instanceof Cluster) sender.spublish(channel, message).catch(onLost);
    else sender.publish(channel, message).catch(onLost);
  };

  return {
    publish: ({ conversationId, events }) => send(keys.tail(conversationId), writeFrame(conversationId, JSON.stringify(events))),
    appendDeltas: deltas.append,
    deltasAfter: deltas.after,
    expireDeltas: deltas.expire,

    async subscribe(conversationId, listener) {
      const channel = keys.tail(conversationId);
      const remove = followers.add(conversationId, listener);
      await channels.acquire(channel);
      return () => {
        if (remove()) channels.release(channel);
      };
    },

    nudge: (workerId, conversationId) => send(keys.nudges(workerId), writeFrame(nudgeKey(workerId), conversationId)),

    async onNudge(workerId, listener) {
      const channel = keys.nudges(workerId);
      const remove = nudged.add(nudgeKey(workerId), listener);
      await channels.acquire(channel);
      return async () => {
        if (remove()) channels.release(channel);
      };
    },

    async ping() {
      if (!isLive(sender)) return false;
      return sender.ping().then(
        () => true,
        () => false,
      );
    },

    async close() {
      channels.close();
      followers.clear();
      nudged.clear();
      // QUIT is answered after all that was sent before it.
      if (isLive(sender)) await sender.quit().catch(() => undefined);
      sender.disconnect();
    },
  };
}

/** Keeps worker ids apart from conversation ids. */
const nudgeKey = (workerId: string): string => `worker:${workerId}`;
