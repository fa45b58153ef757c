import type { RedisClient } from "@parley/redis";
import type { Result } from "ioredis";

/**
 * KEYS: the window's counter.
 * ARGV: how many calls a window has, its length (ms), how many calls wait for this answer.
 * Returns how many of them this process may let through by itself, how many are left for all after that, and how long the window
 *   still lasts (ms).
 * Atomic: over all processes no window ever gives out more than it has. A window begins with its first call.
 */
const TAKE = `
local used = tonumber(redis.call("GET", KEYS[1]) or "0")
local left = math.max(0, tonumber(ARGV[1]) - used)
local given = math.min(left, math.max(tonumber(ARGV[3]), math.floor(left / 8)))
if given > 0 and redis.call("INCRBY", KEYS[1], given) == given then redis.call("PEXPIRE", KEYS[1], ARGV[2]) end
local lasts = redis.call("PTTL", KEYS[1])
if lasts < 0 then lasts = tonumber(ARGV[2]) end
return {given, left - given, lasts}
`;

declare module "ioredis" {
  interface RedisCommander<Context> {
    takeCalls(counter: string, max: number, windowMs: number, waiting: number): Result<[number, number, number], Context>;
  }
}

/** Makes `client.takeCalls`. */
export const defineTake = (client: RedisClient): void => client.defineCommand("takeCalls", { numberOfKeys: 1, lua: TAKE });
