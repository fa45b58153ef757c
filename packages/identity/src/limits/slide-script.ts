import type { RedisClient } from "@parley/redis";
import type { Result } from "ioredis";

/**
 * KEYS: when each call of the window was made (ms), oldest first.
 * ARGV: how many calls the window has, its length (ms), how many are to be made now.
 * Returns 0, or in how many ms there is room for them.
 * Atomic: they are counted, all or none.
 */
const SLIDE = `
local clock = redis.call("TIME")
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local window, calls = tonumber(ARGV[2]), tonumber(ARGV[3])
local first = redis.call("LINDEX", KEYS[1], 0)
while first and tonumber(first) <= now - window do
  redis.call("LPOP", KEYS[1])
  first = redis.call("LINDEX", KEYS[1], 0)
end
local made = redis.call("LLEN", KEYS[1])
local excess = made + calls - tonumber(ARGV[1])
if excess > 0 then
  local freed = made > 0 and redis.call("LINDEX", KEYS[1], math.min(excess, made) - 1) or now
  return math.max(1, freed + window - now)
end
for _ = 1, calls do redis.call("RPUSH", KEYS[1], string.format("%.0f", now)) end
redis.call("PEXPIRE", KEYS[1], window)
return 0
`;

declare module "ioredis" {
  interface RedisCommander<Context> {
    slideCalls(made: string, max: number, windowMs: number, calls: number): Result<number, Context>;
  }
}

/** Makes `client.slideCalls`. */
export const defineSlide = (client: RedisClient): void => client.defineCommand("slideCalls", { numberOfKeys: 1, lua: SLIDE });
