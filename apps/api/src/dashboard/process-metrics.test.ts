import { expect, test } from "vitest";
import { createProcessMetrics } from "./process-metrics.ts";

test("delays of the event loop are 0 before any was counted", () => {
  const { eventLoopDelayMs } = createProcessMetrics()();
  expect(eventLoopDelayMs).toEqual({ min: 0, max: 0, mean: 0, p50: 0, p99: 0 });
});
