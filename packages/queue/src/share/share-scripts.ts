import type { RedisClient } from "@parley/redis";
import type { Result } from "ioredis";

/** Places while no worker has said how many jobs it takes at a time. */
const ROOM_UNKNOWN = 40;
/** Beyond it conversations wait as rows alone, and the sweep brings them when the line is shorter. */
const LINE_MAX = 10_000;
/** Orders that one call may answer: what is left over goes with the next one. */
const GIVEN_MAX = 100;

/**
 * One queue's places, shared among organizations. An order that may be in BullMQ holds a place; the others wait in the line
 * of their organization. All of it may be gone at any moment: then everybody begins again without places and lines.
 *
 * KEYS: 1 places (zset: orders, by the ms at which each no longer counts), 2 places by organization (hash), 3 organizations that wait
 *   (zset, by places for each unit of weight), 4 weights (hash), 5 workers (zset: `slots:worker`, by the ms at which each no longer
 *   counts), 6 slots: how many jobs all workers take at a time (string), 7 ties that were broken (string), 8 what the keys of lines begin with.
 * ARGV: 1 for how long a place or a worker counts that nobody speaks of (ms), then what the script itself takes.
 */
const COMMON = `
local time = redis.call("TIME")
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local lastMs = tonumber(ARGV[1])

local function organizationOf(order)
  return string.match(order, "^[^/]+")
end

local function lineOf(organization)
  return KEYS[8] .. organization
end

local function count(organization, change)
  local places = redis.call("HINCRBY", KEYS[2], organization, change)
  if places < 1 then redis.call("HDEL", KEYS[2], organization) end
  local weight = tonumber(redis.call("HGET", KEYS[4], organization) or 1)
  redis.call("ZADD", KEYS[3], "XX", places / weight, organization)
end

local function hold(order)
  if redis.call("ZADD", KEYS[1], nowMs + lastMs, order) == 1 then count(organizationOf(order), 1) end
end

local function leave(order)
  if redis.call("ZREM", KEYS[1], order) == 1 then count(organizationOf(order), -1) end
end

-- A tenth of what all workers take is kept for organizations that have nothing running.
local function isRoom()
  local slots = redis.call("GET", KEYS[6])
  local room = slots and math.max(1, slots - math.ceil(slots / 10)) or ${ROOM_UNKNOWN}
  return redis.call("ZCARD", KEYS[1]) < room
end

-- An organization's first place is always free; a further one if there is room and nobody waits for it.
local function isFree(organization)
  return redis.call("HEXISTS", KEYS[2], organization) == 0 or (isRoom() and redis.call("EXISTS", KEYS[3]) == 0)
end

local function lineUp(order, sinceMs)
  local organization = organizationOf(order)
  local line = lineOf(organization)
  if redis.call("ZCARD", line) < ${LINE_MAX} then redis.call("ZADD", line, "NX", sinceMs, order) end
  if redis.call("ZADD", KEYS[3], "NX", 0, organization) == 1 then count(organization, 0) end
end

-- Who has the fewest places for its weight is next, beyond the room if it has none. Those with equally many take turns.
local function nextOrganization()
  local first = redis.call("ZRANGE", KEYS[3], 0, 0, "WITHSCORES")
  if #first == 0 or (tonumber(first[2]) > 0 and not isRoom()) then return nil end
  local equals = redis.call("ZCOUNT", KEYS[3], first[2], first[2])
  if equals == 1 then return first[1] end
  local turn = redis.call("INCR", KEYS[7]) % equals
  return redis.call("ZRANGE", KEYS[3], turn, turn)[1]
end

-- Gives free places to those who wait; returns their orders.
local function fill()
  local given = {}
  while #given < ${GIVEN_MAX} do
    local organization = nextOrganization()
    if not organization then break end
    local line = lineOf(organization)
    local order = redis.call("ZPOPMIN", line)[1]
    if redis.call("EXISTS", line) == 0 then redis.call("ZREM", KEYS[3], organization) end
    if order and not redis.call("ZSCORE", KEYS[1], order) then
      hold(order)
      given[#given + 1] = order
    end
  end
  return given
end

-- While no worker lives nobody takes orders or speaks of them: they stand in BullMQ as they were given, however long it takes.
if redis.call("EXISTS", KEYS[6]) == 1 then
  for _, order in ipairs(redis.call("ZRANGE", KEYS[1], "-inf", nowMs, "BYSCORE", "LIMIT", 0, ${GIVEN_MAX})) do leave(order) end
end
`;

/** Takes a place, free or not. ARGV: 2 the order. Returns 1 if its organization's next order would have to wait, else 0. */
const HOLD = `${COMMON}
hold(ARGV[2])
return isFree(organizationOf(ARGV[2])) and 0 or 1
`;

/**
 * Takes a place if one is free, else stands in line; does nothing for an order that has a place. ARGV: 2 the order. Returns 1 or 0 as
 * above, and orders to be given.
 */
const ASK = `${COMMON}
local organization = organizationOf(ARGV[2])
local given = {}
if redis.call("ZSCORE", KEYS[1], ARGV[2]) then
  given = fill()
elseif isFree(organization) then
  hold(ARGV[2])
  given = {ARGV[2]}
else
  lineUp(ARGV[2], nowMs)
  given = fill()
end
return {isFree(organization) and 0 or 1, given}
`;

/** Frees a place. ARGV: 2 the order. Returns orders to be given. */
const LEAVE = `${COMMON}
leave(ARGV[2])
return fill()
`;

/** A worker lives. ARGV: 2 the worker, 3 how many jobs it takes at a time, then the orders in its hands. Returns orders to be given. */
const REPORT = `${COMMON}
redis.call("ZREMRANGEBYSCORE", KEYS[5], "-inf", nowMs)
local total = 0
for _, worker in ipairs(redis.call("ZRANGE", KEYS[5], 0, -1)) do
  local slots, id = string.match(worker, "^(%d+):(.*)$")
  if id == ARGV[2] then redis.call("ZREM", KEYS[5], worker) else total = total + tonumber(slots) end
end
local slots = tonumber(ARGV[3])
-- The first one after a silence begins with what was given before it: those places count from now.
if slots > 0 and redis.call("EXISTS", KEYS[6]) == 0 then
  for _, order in ipairs(redis.call("ZRANGE", KEYS[1], 0, -1)) do redis.call("ZADD", KEYS[1], nowMs + lastMs, order) end
end
if slots > 0 then redis.call("ZADD", KEYS[5], nowMs + lastMs, ARGV[3] .. ":" .. ARGV[2]) end
total = total + slots
if total > 0 then redis.call("SET", KEYS[6], total, "PX", lastMs) end
for index = 4, #ARGV do hold(ARGV[index]) end
return fill()
`;

/**
 * Looks for orders that neither stand in line nor have a place of which somebody spoke within their grace. Where more have places than
 * the workers take at a time, some rightly wait in BullMQ for longer: then a place is good for as long as it counts. Changes nothing.
 * ARGV: for each the order and its grace (ms). Returns the indexes of those that are missing.
 */
const MISSING = `${COMMON}
local slots = redis.call("GET", KEYS[6])
local isFull = slots and redis.call("ZCARD", KEYS[1]) > tonumber(slots)
local missing = {}
for index = 2, #ARGV, 2 do
  local order = ARGV[index]
  local untilMs = redis.call("ZSCORE", KEYS[1], order)
  local isMissing
  if untilMs then
    isMissing = not isFull and nowMs - (tonumber(untilMs) - lastMs) >= tonumber(ARGV[index + 1])
  else
    isMissing = not redis.call("ZSCORE", lineOf(organizationOf(order)), order)
  end
  if isMissing then missing[#missing + 1] = (index - 2) / 2 end
end
return missing
`;

/**
 * Gives orders that were missing: those that have a place at once, the others by way of their lines. ARGV: for each the order, and
 * the ms since when it is due. Returns orders to be given.
 */
const RESTORE = `${COMMON}
local restored = {}
for index = 2, #ARGV, 2 do
  local order = ARGV[index]
  if redis.call("ZSCORE", KEYS[1], order) then
    hold(order)
    restored[#restored + 1] = order
  else
    lineUp(order, tonumber(ARGV[index + 1]))
  end
end
for _, order in ipairs(fill()) do restored[#restored + 1] = order end
return restored
`;

/** Returns how many orders stand in lines. */
const WAITING = `${COMMON}
local total = 0
for _, organization in ipairs(redis.call("ZRANGE", KEYS[3], 0, -1)) do total = total + redis.call("ZCARD", lineOf(organization)) end
return total
`;

const SCRIPTS = {
  shareHold: HOLD,
  shareAsk: ASK,
  shareLeave: LEAVE,
  shareReport: REPORT,
  shareMissing: MISSING,
  shareRestore: RESTORE,
  shareWaiting: WAITING,
};

type Values = (string | number)[];

declare module "ioredis" {
  interface RedisCommander<Context> {
    shareHold(...values: Values): Result<number, Context>;
    shareAsk(...values: Values): Result<[number, string[]], Context>;
    shareLeave(...values: Values): Result<string[], Context>;
    shareReport(...values: Values): Result<string[], Context>;
    shareMissing(...values: Values): Result<number[], Context>;
    shareRestore(...values: Values): Result<string[], Context>;
    shareWaiting(...values: Values): Result<number, Context>;
  }
}

/** Makes the commands above of `client`. */
export function defineShare(client: RedisClient): void {
  for (const [name, lua] of Object.entries(SCRIPTS)) client.defineCommand(name, { numberOfKeys: 8, lua });
}
