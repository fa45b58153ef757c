import type { Log } from "@parley/domain";
import type { RedisClient } from "./connect-redis.ts";

/** Logs an outage once when it starts and once when it is over, not at every attempt to reconnect. */
export function watchConnection(client: RedisClient, log: Log): void {
  let away = false;
  client.on("error", (error: unknown) => {
    if (away) return log.debug({ error }, "Redis is still away");
    away = true;
    log.warn({ error }, "Redis is away");
  });
  client.on("ready", () => {
    if (away) log.info({}, "Redis is back");
    away = false;
  });
}
