import { type Cursor, GatewayError, type LogEvent } from "@parley/contracts";
import type { Tail } from "@parley/domain";
import { isLive, type RedisClient } from "@parley/redis";
import { Cluster } from "ioredis";
import { defineAppend } from "./append-script.ts";
import { BODY_BYTES_MAX } from "./frame.ts";
import type { Keys } from "./keys.ts";

export interface DeltaList {
  append(tail: Tail, options: { first: boolean }): Promise<"kept" | "lost">;
  after(conversationId: string, after: Cursor): Promise<LogEvent[]>;
  expire(conversationId: string): void;
}

interface DeltaListOptions {
  client: RedisClient;
  keys: Keys;
  /** Older deltas are dropped beyond this many; a reader finds the hole by the cursor's dense `n`. */
  deltasMax: number;
  onLost(error: unknown): void;
}

/** Longer than any turn. Only what nobody expired, because its worker died, lives this long. */
const KEEP_SECONDS = 2 * 3_600;
/** Lets a reader that was just handed a cursor finish after the turn has ended. */
const EXPIRE_SECONDS = 60;
const PAGE = 500;
const STALE_ID = /equal or smaller/;

/**
 * The deltas of running turns, as one Redis stream per conversation. A cursor `<epoch>-<n>` is a stream id as it stands,
 * so Redis itself refuses a writer whose epoch has passed.
 */
export function createDeltaList({ client, keys, deltasMax, onLost }: DeltaListOptions): DeltaList {
  const publish = client instanceof Cluster ? "SPUBLISH" : "PUBLISH";
  defineAppend(client);

  return {
    async append({ conversationId, events }, { first }) {
      if (events.length === 0) return "kept";
      if (!isLive(client)) return lost(new Error("Redis is away."));
      const values: (string | number)[] = [conversationId, first ? "1" : "", deltasMax, KEEP_SECONDS, BODY_BYTES_MAX, publish];
      for (const event of events) values.push(event.cursor, JSON.stringify(event));
      try {
        return (await client.appendDeltas(keys.deltas(conversationId), keys.tail(conversationId), ...values)) === 1 ? "kept" : "lost";
      } catch (error) {
        if (!(error instanceof Error && STALE_ID.test(error.message))) return lost(error);
        throw new GatewayError("stale_epoch", { detail: `${conversationId} at ${events[0]?.cursor}`, cause: error });
      }
    },

    async after(conversationId, after) {
      const key = keys.deltas(conversationId);
      const found: LogEvent[] = [];
      let from: string = after;
      try {
        // Trimming is approximate, so a list may hold a little more than `deltasMax`.
        while (isLive(client) && found.length < 2 * deltasMax) {
          const page = await client.xrange(key, `(${from}`, "+", "COUNT", PAGE);
          for (const [, fields] of page) found.push(JSON.parse(fields[1] ?? "null") as LogEvent);
          const last = page.at(-1);
          if (!last || page.length < PAGE) break;
          from = last[0];
        }
      } catch (error) {
        // What was read so far has no holes before its end, so it is still of use.
        onLost(error);
      }
      return found;
    },

    expire(conversationId) {
      if (isLive(client)) client.expire(keys.deltas(conversationId), EXPIRE_SECONDS).catch(onLost);
    },
  };

  function lost(error: unknown): "lost" {
    onLost(error);
    return "lost";
  }
}
