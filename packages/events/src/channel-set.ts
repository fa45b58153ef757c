import type { Log } from "@parley/domain";
import { isLive, type RedisClient } from "@parley/redis";
import { Cluster } from "ioredis";

export interface ChannelSet {
  /**
   * Joins a channel, or counts one more user of it. Resolves once its messages arrive; where Redis is away, at once: the
   * channel is joined with the connection, and `onGap` follows.
   */
  acquire(channel: string): Promise<void>;
  release(channel: string): void;
  close(): void;
}

interface Joined {
  users: number;
  ready: Promise<void>;
  leaving?: NodeJS.Timeout;
}

interface ChannelSetOptions {
  client: RedisClient;
  log: Log;
  /** A channel stays joined this long after its last user left, so that the next one costs no round trip. */
  lingerMs: number;
  onMessage(message: Buffer): void;
  /** Messages may have been missed: the connection is new. */
  onGap(): void;
}

/** A connection can look alive long after its other end is gone; a ping that stays unanswered ends it. */
const PING_MS = 10_000;

/** The channels that this process listens to, on one connection (one per node on a Cluster, where pub/sub is sharded). */
export function createChannelSet({ client, log, lingerMs, onMessage, onGap }: ChannelSetOptions): ChannelSet {
  const channels = new Map<string, Joined>();
  const isCluster = client instanceof Cluster;

  const send = async (verb: "join" | "leave", names: string[]): Promise<void> => {
    // The channels of one SSUBSCRIBE must share a slot, so there it is one command each.
    if (isCluster) await Promise.all(names.map((name) => (verb === "join" ? client.ssubscribe(name) : client.sunsubscribe(name))));
    else if (verb === "join") await client.subscribe(...names);
    else await client.unsubscribe(...names);
  };

  const join = async (channel: string): Promise<void> => {
    if (!isLive(client)) return;
    try {
      await send("join", [channel]);
    } catch (error) {
      log.warn({ channel, error }, "a channel could not be joined");
      reconnect();
    }
  };

  const leave = (channel: string): void => {
    channels.delete(channel);
    if (isLive(client)) send("leave", [channel]).catch((error: unknown) => log.debug({ channel, error }, "a channel could not be left"));
  };

  /** What a live connection did not answer may or may not hold; a new one starts clean. A dead one comes back by itself. */
  const reconnect = (): void => {
    if (isLive(client) && !(client instanceof Cluster)) client.disconnect(true);
  };

  const rejoin = async (): Promise<void> => {
    if (channels.size === 0) return;
    try {
      await send("join", [...channels.keys()]);
    } catch (error) {
      log.warn({ error }, "the channels could not be joined again");
      reconnect();
      return;
    }
    onGap();
  };

  // A Cluster's client joins its channels again by itself and says when its connections are new.
  if (isCluster) client.on("subscribersReady", onGap);
  client.on("ready", () => void rejoin());
  client.on(isCluster ? "smessageBuffer" : "messageBuffer", (_channel: Buffer, message: Buffer) => onMessage(message));

  const pinging = setInterval(() => {
    if (!isCluster && isLive(client)) client.ping().catch(() => client.disconnect(true));
  }, PING_MS).unref();

  return {
    acquire(channel) {
      const known = channels.get(channel);
      if (known) {
        clearTimeout(known.leaving);
        known.users += 1;
        return known.ready;
      }
      const joined: Joined = { users: 1, ready: join(channel) };
      channels.set(channel, joined);
      return joined.ready;
    },
    release(channel) {
      const joined = channels.get(channel);
      if (!joined) return;
      joined.users -= 1;
      if (joined.users === 0) joined.leaving = setTimeout(() => leave(channel), lingerMs).unref();
    },
    close() {
      clearInterval(pinging);
      for (const joined of channels.values()) clearTimeout(joined.leaving);
      channels.clear();
      client.disconnect();
    },
  };
}
