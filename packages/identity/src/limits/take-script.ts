import type { RedisClient } from "@parley/redis";
import type { Result } from "ioredis";

/**
 * KEYS: the window: its name, how many calls it has given out, and how many of them each process may still have in hand.
 * ARGV: how many calls a window has, its length (ms), this process, how many calls are wanted, how many of all that it then has go to callers that wait
 *   already, the window's name as this process knows it, how many it has in hand of that one.
 * Returns how many of them this process may let through by itself, how many are left for all after that, how many other processes may have in hand if
 *   nothing is left, how long the window still lasts (ms), its name.
 * Atomic: over all processes no window ever gives out more than it has. A window begins with its first call.
 */
const TAKE = `
local state = redis.call("HMGET", KEYS[1], "name", "used")
local name, used = state[1], tonumber(state[2] or "0")
if not name then
  name = table.concat(redis.call("TIME"), ".")
  redis.call("HSET", KEYS[1], "name", name)
  redis.call("PEXPIRE", KEYS[1], ARGV[2])
end
local own = "of:" .. ARGV[3]
local inHand = name == ARGV[6] and tonumber(ARGV[7]) or 0
local left = math.max(0, tonumber(ARGV[1]) - used)
local given = math.min(left, math.max(tonumber(ARGV[4]), math.floor(left / 8)))
redis.call("HSET", KEYS[1], "used", used + given, own, math.max(0, inHand + given - tonumber(ARGV[5])))
local lent = 0
if left == given then
  local fields = redis.call("HGETALL", KEYS[1])
  for at = 1, #fields, 2 do
    if string.sub(fields[at], 1, 3) == "of:" and fields[at] ~= own then lent = lent + tonumber(fields[at + 1]) end
  end
end
return {given, left - given, lent, math.max(0, redis.call("PTTL", KEYS[1])), name}
`;

/**
 * KEYS: the window.
 * ARGV: this process, the window's name as it knows it, how many calls of it are given back.
 * Atomic: nothing is given back to a window that began later.
 */
const GIVE_BACK = `
if redis.call("HGET", KEYS[1], "name") ~= ARGV[2] then return end
redis.call("HINCRBY", KEYS[1], "used", -ARGV[3])
redis.call("HSET", KEYS[1], "of:" .. ARGV[1], 0)
`;

/** What Redis says of a window. */
export type Told = [given: number, shared: number, lent: number, lastsMs: number, name: string];

/** What this process says of it. */
type Known = [max: number, windowMs: number, process: string, wanted: number, waiting: number, name: string, inHand: number];

declare module "ioredis" {
  interface RedisCommander<Context> {
    takeCalls(window: string, ...known: Known): Result<Told, Context>;
    giveBackCalls(window: string, process: string, name: string, unused: number): Result<null, Context>;
  }
}

/** Makes `client.takeCalls` and `client.giveBackCalls`. */
export function defineTake(client: RedisClient): void {
  client.defineCommand("takeCalls", { numberOfKeys: 1, lua: TAKE });
  client.defineCommand("giveBackCalls", { numberOfKeys: 1, lua: GIVE_BACK });
}
