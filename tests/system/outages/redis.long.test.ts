import { startRedis } from "@parley/testkit/redis-server";
import { test } from "vitest";
import { loseRedis } from "./support/lose-redis.ts";
import { openStage } from "./support/open-stage.ts";

test.each([
  ["with its data", ["--appendonly", "yes"]],
  ["with an empty disk", []],
])("Redis away for 30 s under fifty conversations and back %s: all that was accepted ends once, with its whole answer", async (_, args) => {
  await using redis = await startRedis(args);
  const stage = await openStage({ apis: 2, workers: 2, leaseMs: 4_000, redisUrl: redis.url });
  try {
    await loseRedis(stage, redis, 30_000);
  } finally {
    await stage.close();
  }
});
