import { expect, test } from "vitest";
import { redisSettings } from "./settings.ts";

test("without any variable Redis is on this machine", () => {
  expect(redisSettings.parse({})).toEqual({ REDIS_URL: "redis://127.0.0.1:6379", REDIS_PREFIX: "parley", REDIS_CLUSTER: false });
});

test("several nodes are a list of addresses", () => {
  const REDIS_URL = "rediss://one:6380, rediss://two:6380";
  expect(redisSettings.parse({ REDIS_URL, REDIS_CLUSTER: "true" })).toMatchObject({ REDIS_URL, REDIS_CLUSTER: true });
});

test.each([
  ["REDIS_URL", "localhost:6379"],
  ["REDIS_URL", "redis://one,http://two"],
  ["REDIS_URL", "redis://one,"],
  ["REDIS_PREFIX", "a:b"],
  ["REDIS_CLUSTER", "perhaps"],
])("%s may not be %s", (name, value) => {
  expect(redisSettings.safeParse({ [name]: value }).error?.issues).toMatchObject([{ path: [name] }]);
});
