export { connectRedis, isLive, type RedisAddress, type RedisClient } from "./connect-redis.ts";
export { endConnection } from "./end-connection.ts";
export { redisSettings } from "./settings.ts";
export { watchConnection } from "./watch-connection.ts";
