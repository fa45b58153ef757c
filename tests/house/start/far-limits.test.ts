import { expect, test } from "vitest";
import { farLimits } from "../../../scripts/start/far-limits.ts";

test("on loopback only, calls are as good as uncounted, but for limits that were set", () => {
  expect(farLimits("127.0.0.1", { LIMIT_TURN_CALLS_MAX: "5", LIMIT_READ_CALLS_MAX: "" })).toEqual({
    LIMIT_READ_CALLS_MAX: "1000000",
    LIMIT_WRITE_CALLS_MAX: "1000000",
    LIMIT_TURN_CALLS_MAX: "5",
    LIMIT_STREAM_CALLS_MAX: "1000000",
  });
  expect(farLimits("0.0.0.0", { LIMIT_TURN_CALLS_MAX: "5" })).toEqual({});
  // Where they were, the environment would count for more than the file.
  expect(farLimits("127.0.0.1", { CONFIG_FILE: "parley.yaml" })).toEqual({});
});
