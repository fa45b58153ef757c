import { isLive, type RedisClient } from "@parley/redis";
import { createLocalWindow } from "./local-window.ts";
import { defineSlide } from "./slide-script.ts";

/** Who calls: keys of different organizations never meet. */
interface Principal {
  organizationId: string;
  principalId: string;
}

/** How many calls a principal has made lately, over all its connections and all processes: to connect again changes nothing. */
export interface MessageWindow {
  /** Counts so many calls, all or none. Answers 0, or in how many seconds there is room for them. Never throws. */
  take(principal: Principal, calls: number): Promise<number>;
}

interface MessageWindowOptions {
  /** Null: each process counts for itself. */
  client: RedisClient | null;
  /** Starts every key. */
  prefix: string;
  callsMax: number;
  windowMs: number;
}

/** A sliding window for each principal, in Redis; while that is away, in each process for itself. */
export function createMessageWindow({ client, prefix, callsMax, windowMs }: MessageWindowOptions): MessageWindow {
  const local = createLocalWindow({ callsMax, windowMs });
  if (client) defineSlide(client);

  async function freeInMs(key: string, calls: number): Promise<number> {
    if (!client || !isLive(client)) return local(key, calls);
    try {
      return await client.slideCalls(`${prefix}:messages:${key}`, callsMax, windowMs, calls);
    } catch {
      return local(key, calls);
    }
  }

  return {
    async take({ organizationId, principalId }, calls) {
      return Math.ceil((await freeInMs(`${organizationId}:${principalId}`, calls)) / 1_000);
    },
  };
}
