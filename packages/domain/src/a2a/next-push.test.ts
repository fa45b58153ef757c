import { expect, test } from "vitest";
import { nextPush } from "./next-push.ts";

const failed = { status: 500, error: null, retryAfterMs: null };
const facts = (attempt: number, random = 0.5) => ({ attempt, attemptsMax: 16, random });

test("any 2xx is a delivery", () => {
  for (const status of [200, 202, 204]) expect(nextPush({ ...failed, status }, facts(16)).outcome).toBe("delivered");
});

test("a failure is tried again after half a second, then twice as late each time, ten minutes at most, a fifth less or more", () => {
  expect([1, 2, 3, 11, 12, 15].map((attempt) => nextPush(failed, facts(attempt)).delayMs)).toEqual([
    500, 1_000, 2_000, 512_000, 600_000, 600_000,
  ]);
  expect([0, 1].map((random) => nextPush(failed, facts(1, random)).delayMs)).toEqual([400, 600]);
  expect(nextPush({ ...failed, status: 429, retryAfterMs: 30_000 }, facts(1))).toEqual({ outcome: "retry", delayMs: 30_000 });
  expect(nextPush({ ...failed, retryAfterMs: 86_400_000 }, facts(1)).delayMs).toBe(600_000);
});

test("who is gone, may not be called, or has failed as often as may be is given up", () => {
  expect(nextPush({ ...failed, status: 410 }, facts(1)).outcome).toBe("failed");
  expect(nextPush({ status: null, error: "egress_refused", retryAfterMs: null }, facts(1)).outcome).toBe("failed");
  expect(nextPush({ status: null, error: "secret_unreadable", retryAfterMs: null }, facts(1)).outcome).toBe("failed");
  expect(nextPush(failed, facts(16)).outcome).toBe("failed");
  expect(nextPush({ status: null, error: "timeout", retryAfterMs: null }, facts(15)).outcome).toBe("retry");
});
